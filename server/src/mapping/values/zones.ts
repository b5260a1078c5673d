/** Offsets of time zones, from the zone data of Node. */

const QUARTER_MS = 15 * 60_000;
const DAY_MS = 86_400_000;
/** Quarters of an hour whose offsets are remembered: 40 days. */
const QUARTERS_MAX = 4_096;

class Zone {
  readonly #format: Intl.DateTimeFormat;
  /** Offset by quarter of an hour since 1970. Since then every zone changes its offset at a quarter. */
  readonly #offsets = new Map<number, number>();

  /** Throws a RangeError if Node does not know the zone. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      ...{ timeZone: name, calendar: "gregory", numberingSystem: "latn", hourCycle: "h23" },
      ...{ year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" },
      era: "short",
    });
  }

  /**
   * Returns the instant of a local time, both in milliseconds since 1970. Of a local time that occurs twice it is the first; a local time
   * that is skipped moves on by the length of the gap (as in RFC 5545 and the `compatible` mode of Temporal).
   */
  instantOf(localMs: number): number {
    const before = this.#offsetAt(localMs - DAY_MS);
    if (this.#offsetAt(localMs - before) === before) return localMs - before;
    const after = this.#offsetAt(localMs + DAY_MS);
    return this.#offsetAt(localMs - after) === after ? localMs - after : localMs - before;
  }

  #offsetAt(ms: number): number {
    const quarter = Math.floor(ms / QUARTER_MS);
    let offset = this.#offsets.get(quarter);
    if (offset === undefined) {
      offset = this.#readOffset(quarter * QUARTER_MS);
      if (this.#offsets.size >= QUARTERS_MAX) this.#offsets.clear();
      this.#offsets.set(quarter, offset);
    }
    return offset;
  }

  #readOffset(ms: number): number {
    const part: Record<string, string> = {};
    for (const { type, value } of this.#format.formatToParts(ms)) part[type] = value;
    const year = part["era"] === "BC" ? 1 - Number(part["year"]) : Number(part["year"]);
    const time = [part["hour"], part["minute"], part["second"]].map(Number) as [number, number, number];
    // Date.UTC reads years below 100 as years of the 20th century.
    const local = new Date(0).setUTCFullYear(year, Number(part["month"]) - 1, Number(part["day"]));
    return local + ((time[0] * 60 + time[1]) * 60 + time[2]) * 1000 - ms;
  }
}

const ZONES = new Map<string, Zone>();

/** Returns the zone of this name. Throws a RangeError if Node does not know it. */
export function zone(name: string): Zone {
  let known = ZONES.get(name);
  if (known === undefined) {
    known = new Zone(name);
    ZONES.set(name, known);
  }
  return known;
}
