/**
 * Durations (`5s`), sizes (`4GiB`), dollars and addresses (`127.0.0.1:8080`) in the configuration and on the command line. Each
 * parser returns undefined for text that it does not accept. The caller knows the path and reports the problem.
 */

const DURATION_UNITS_MS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

const SIZE_UNITS_BYTES: readonly (readonly [string, number])[] = [
  ["TiB", 2 ** 40],
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
  ["B", 1],
];

/** How to write a value, for messages of all callers. */
export const DURATION_HINT = "write a whole number and a unit: 500ms, 5s, 2m, 24h or 7d";
export const SIZE_HINT = "write a whole number and a unit: 65536B, 64KiB, 16MiB or 4GiB";
export const ADDRESS_HINT =
  'write HOST:PORT, such as 127.0.0.1:8080, [::1]:8080, or 0.0.0.0:8080 for all addresses of the machine; "" turns the listener off';

export const USD_HINT = "write a number from 0 to 9007199254.740991 with at most six places, such as 0.01 or 5";

/** Millionths of a dollar of `0.01`, `5`, `2.500000`; undefined for anything else. */
export function parseUsdMicro(text: string): number | undefined {
  const match = /^([0-9]{1,10})(?:\.([0-9]{1,6}))?$/.exec(text);
  if (match === null) return undefined;
  const micro = Number(match[1]) * 1_000_000 + Number((match[2] ?? "").padEnd(6, "0"));
  return micro <= Number.MAX_SAFE_INTEGER ? micro : undefined;
}

/** The amount in dollars without trailing zeros: 10000 gives `0.01`. */
export function formatUsd(micro: number): string {
  const places = String(micro % 1_000_000)
    .padStart(6, "0")
    .replace(/0+$/, "");
  return `${Math.floor(micro / 1_000_000)}${places === "" ? "" : `.${places}`}`;
}

/** Milliseconds of `500ms`, `5s`, `2m`, `24h`, `7d`; undefined for anything else. `0s` is 0. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([0-9]{1,15})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  const unit = DURATION_UNITS_MS.find(([name]) => name === match[2]);
  const ms = Number(match[1]) * (unit?.[1] ?? Number.NaN);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest spelling of whole milliseconds with one unit: 300000 gives `5m`, 90000 gives `90s`, 0 gives `0s`. */
export function formatDurationMs(ms: number): string {
  if (ms === 0) return "0s";
  // Days are left out: `24h` is how the documentation writes a day.
  const unit = DURATION_UNITS_MS.find(([name, unitMs]) => name !== "d" && ms % unitMs === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}

/** Bytes of `65536B`, `64KiB`, `16MiB`, `4GiB`, `1TiB`; a bare number is bytes. Undefined for anything else. */
export function parseSizeBytes(text: string): number | undefined {
  const match = /^([0-9]{1,15})(B|KiB|MiB|GiB|TiB)?$/.exec(text);
  if (match === null) return undefined;
  const unit = SIZE_UNITS_BYTES.find(([name]) => name === (match[2] ?? "B"));
  const bytes = Number(match[1]) * (unit?.[1] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

export function formatSizeBytes(bytes: number): string {
  const unit = SIZE_UNITS_BYTES.find(([, unitBytes]) => bytes >= unitBytes && bytes % unitBytes === 0);
  return unit === undefined ? `${bytes}B` : `${bytes / unit[1]}${unit[0]}`;
}

/** Port 0 lets the system choose a free one. */
export type ListenAddress = { readonly host: string; readonly port: number };

/** `host:port` or `[ipv6]:port`; undefined for anything else, also for the empty text. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.%a-z]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(text);
  if (match === null) return undefined;
  const host = match[1] ?? match[2];
  const port = Number(match[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

export function formatListenAddress(address: ListenAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
