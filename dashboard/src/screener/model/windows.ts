/** Windows of the service. Their names and number are its configuration, so nothing here relies on one of them. */

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Returns the length of a window in ms, read from its name, such as `15m`. NaN if the name is not a duration. */
export function windowMs(name: string): number {
  const [, number = "", unit = ""] = /^([0-9]+)([smhd])$/.exec(name) ?? [];
  return Number(number || "NaN") * (UNITS_MS[unit] ?? Number.NaN);
}

/** Returns the served window that comes closest in length to `wanted`, by ratio. `windows` is not empty. */
export function nearestWindow(windows: readonly string[], wanted: string): string {
  if (windows.includes(wanted)) return wanted;
  const distance = (name: string): number => Math.abs(Math.log(windowMs(name) / windowMs(wanted)));
  return windows.reduce((best, name) => (distance(name) < distance(best) ? name : best));
}

/** Returns the longest of these windows. */
export function longestWindow(windows: readonly string[]): string {
  return windows.reduce((best, name) => (windowMs(name) > windowMs(best) ? name : best));
}

/** Returns the windows of `wanted` as the service has them, each once, in the service's order. */
export function nearestWindows(windows: readonly string[], wanted: readonly string[]): readonly string[] {
  const near = new Set(wanted.map((name) => nearestWindow(windows, name)));
  return windows.filter((name) => near.has(name));
}
