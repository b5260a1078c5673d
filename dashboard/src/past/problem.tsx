/** The state of a view that cannot show the past: why, and the way on. */
import type { ClientError } from "@swapstats/client";
import { Button } from "../ui/controls.tsx";
import { Problem } from "../ui/problem.tsx";

type ProblemProps = {
  readonly error: ClientError;
  readonly onRetry: () => void;
  readonly onChoose: (atMs: number | undefined) => void;
};

export function PastProblem({ error, onRetry, onChoose }: ProblemProps) {
  const action =
    error.code === "history_off" ? (
      <Button label="Back to live" onClick={() => onChoose(undefined)} />
    ) : (
      <Button label="Try again" onClick={onRetry} />
    );
  // Credentials have a button of their own.
  const isAccess = error.code === "unauthorized" || error.code === "forbidden";
  return <Problem error={error} {...(isAccess ? {} : { action })} />;
}
