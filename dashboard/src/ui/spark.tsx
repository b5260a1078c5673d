/** A line of values without axes. */
import { sparkPath } from "./spark-path.ts";

/** `values` are exact decimals from old to new; null is a gap. The line has the colour of its change. */
export function Spark({
  values,
  width = 88,
  height = 24,
  label,
}: {
  readonly values: readonly (string | number | null)[];
  readonly width?: number;
  readonly height?: number;
  readonly label: string;
}) {
  const { line, area, direction } = sparkPath(values, width, height);
  return (
    <svg
      class={`spark ${direction}`}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
    >
      {area !== "" && <path class="spark-area" d={area} />}
      {line !== "" && <path class="spark-line" d={line} />}
    </svg>
  );
}
