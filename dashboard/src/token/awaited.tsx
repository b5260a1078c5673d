/** The place of figures that are not there yet. */
import { Skeleton } from "../ui/parts.tsx";

type AwaitedProps = {
  /** True: they come with the first swap of the token. Otherwise they are on their way. */
  readonly isPending: boolean;
  /** Rows that they usually have. */
  readonly rows: number;
  readonly label: string;
};

export function Awaited({ isPending, rows, label }: AwaitedProps) {
  if (!isPending) return <Skeleton rows={rows} label={label} />;
  return <p class="awaited">Comes with the token's first swap.</p>;
}
