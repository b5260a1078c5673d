/** Exact texts of the decimals, times and ids that binary formats hold as bytes and integers. */

/** More digits than any amount has. A larger value would take long to write. */
export const DECIMAL_BYTES_MAX = 128;
/** Places behind the point, or zeros before it. */
export const DECIMAL_SCALE_MAX = 1000;

/** Returns the text of unscaled / 10^scale, in plain notation. |scale| is at most DECIMAL_SCALE_MAX. */
export function decimalText(unscaled: number | bigint, scale: number): string {
  if (scale <= 0) return unscaled === 0 || unscaled === 0n ? "0" : String(unscaled) + "0".repeat(-scale);
  const text = String(unscaled);
  const sign = text.startsWith("-") ? "-" : "";
  const digits = text.slice(sign.length).padStart(scale + 1, "0");
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const DAY_MS = 86_400_000;
const DAYS_MIN = -719_162;
const DAYS_MAX = 2_932_896;

/** Returns `2026-01-02` for a number of days since 1970, or the number where that is no date of the years 1 to 9999. */
export function dateText(days: number): string | number {
  return days < DAYS_MIN || days > DAYS_MAX ? days : new Date(days * DAY_MS).toISOString().slice(0, 10);
}

/** Returns RFC 3339 of a time since 1970, or the seconds as a text where that is no time of the years 1 to 9999. */
export function instantText(seconds: number | bigint, nanos: number): string {
  const days = Number(seconds) / 86_400;
  if (!(days >= DAYS_MIN && days < DAYS_MAX + 1 && nanos >= 0 && nanos < 1_000_000_000)) return `${seconds} s`;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  if (nanos === 0) return `${whole}Z`;
  return `${whole}.${String(nanos)
    .padStart(9, "0")
    .replace(/(?:000){1,2}$/, "")}Z`;
}

/** Returns the usual form of a UUID that is given as 0x and 32 hex digits. */
export function uuidText(hex: string): string {
  return [hex.slice(2, 10), hex.slice(10, 14), hex.slice(14, 18), hex.slice(18, 22), hex.slice(22)].join("-");
}
