/** Paths of a small chart over time: values from the lower edge up, gaps where nothing is known. */
import type { Point } from "./status-history.ts";

type ChartSize = { readonly width: number; readonly height: number };
type ChartPaths = { readonly line: string; readonly area: string; readonly max: number };

const places = (value: number): number => Math.round(value * 10) / 10;

/** Returns a ceiling of 1, 2 or 5 times a power of ten, at least 1, so that the scale jumps rarely. */
export function ceilingOf(max: number): number {
  if (!(max > 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(max));
  const step = [1, 2, 5, 10].find((one) => one * power >= max) ?? 10;
  return step * power;
}

/** The span from `endMs - spanMs` to `endMs` fills the width. */
export function chartPaths(
  points: readonly Point[],
  { width, height }: ChartSize,
  endMs: number,
  spanMs: number,
): ChartPaths {
  const max = ceilingOf(Math.max(0, ...points.map(({ value }) => value ?? 0)));
  const x = (atMs: number): number => places(((atMs - (endMs - spanMs)) / spanMs) * width);
  const y = (value: number): number => places(height - 1 - (value / max) * (height - 2));
  let [line, area] = ["", ""];
  for (const run of runsOf(points, endMs - spanMs)) {
    const steps = run.map(({ atMs, value }) => `${x(atMs)},${y(value as number)}`).join("L");
    const [first, last] = [run[0] as Point, run.at(-1) as Point];
    line += `M${steps}`;
    area += `M${x(first.atMs)},${height}L${steps}L${x(last.atMs)},${height}Z`;
  }
  return { line, area, max };
}

/** Cuts the points into runs of at least two that have a value, from the first one within the span on. */
function runsOf(points: readonly Point[], fromMs: number): readonly (readonly Point[])[] {
  const runs: Point[][] = [[]];
  for (const point of points) {
    if (point.atMs < fromMs) continue;
    if (point.value === undefined) runs.push([]);
    else (runs.at(-1) as Point[]).push(point);
  }
  return runs.filter((run) => run.length > 1);
}
