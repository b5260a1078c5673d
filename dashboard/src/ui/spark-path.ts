/** Geometry of a sparkline. */

type SparkPath = {
  /** Path of the line. Empty without values. */
  readonly line: string;
  /** Path of the area below it. */
  readonly area: string;
  readonly direction: "up" | "down" | "flat";
};

const EDGE = 2;

/** Returns the paths of `values` within a field of this size. A gap repeats the value before it. */
export function sparkPath(values: readonly (string | number | null)[], width: number, height: number): SparkPath {
  const points: { readonly at: number; readonly value: number }[] = [];
  values.forEach((value, at) => {
    const number = value === null ? Number.NaN : Number(value);
    if (Number.isFinite(number)) points.push({ at, value: number });
  });
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return { line: "", area: "", direction: "flat" };
  let [low, high] = [first.value, first.value];
  for (const { value } of points) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const x = (at: number): number => (values.length === 1 ? width / 2 : (at / (values.length - 1)) * width);
  const y = (value: number): number =>
    high === low ? height / 2 : height - EDGE - ((value - low) / (high - low)) * (height - 2 * EDGE);
  const place = (at: number, value: number): string => `${tenth(x(at))} ${tenth(y(value))}`;
  const drawn =
    points.length === 1
      ? [place(0, first.value), place(values.length - 1, first.value)]
      : points.map((point) => place(point.at, point.value));
  const line = `M${drawn.join("L")}`;
  const [from, to] = points.length === 1 ? [0, values.length - 1] : [first.at, last.at];
  const area = `${line}L${tenth(x(to))} ${height}L${tenth(x(from))} ${height}Z`;
  return { line, area, direction: last.value > first.value ? "up" : last.value < first.value ? "down" : "flat" };
}

const tenth = (value: number): number => Math.round(value * 10) / 10;
