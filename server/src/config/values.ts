/** Parses and formats the value of one key by its kind. A problem is a phrase that follows the path of the key. */
import { isIPv4, isIPv6 } from "node:net";
import { parseHost } from "../shared/host-rules.ts";
import { isTelling, maskedValue } from "../shared/mask-secrets.ts";
import { didYouMean } from "../shared/nearest.ts";
import { readTextFile } from "../shared/read-regular-file.ts";
import type { KeyKind, KeyValue } from "./key.ts";
import {
  ADDRESS_HINT,
  DURATION_HINT,
  formatDurationMs,
  formatListenAddress,
  formatSizeBytes,
  formatUsd,
  type ListenAddress,
  parseDurationMs,
  parseListenAddress,
  parseSizeBytes,
  parseUsdMicro,
  SIZE_HINT,
  USD_HINT,
} from "./units.ts";

type ParsedValue = { readonly value: KeyValue } | { readonly problem: string };

/** The places to which references to secrets point. They are an argument, so tests need no real environment. */
type SecretSources = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the value may be the secret itself: true for an environment variable, false in a file. */
  readonly literalAllowed: boolean;
};

const SECRET_BYTES_MAX = 64 * 1024;
const MASK = "********";

const problem = (text: string): ParsedValue => ({ problem: text });
const SHOWN_LENGTH_MAX = 80;
/** Returns a value as messages quote it. A list or a section is not quoted, because it may hold a secret. */
const shown = (raw: unknown): string => {
  if (Array.isArray(raw)) return "a list";
  if (typeof raw === "object" && raw !== null) return "a section with keys of its own";
  const text = JSON.stringify(typeof raw === "string" ? maskedValue(raw) : raw) ?? String(raw);
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX - 3)}...` : text;
};
/** Words for a switch in YAML 1.1, in environments and in other programs. */
const ON_WORDS: readonly string[] = ["true", "yes", "on", "1", "y", "enabled"];
const OFF_WORDS: readonly string[] = ["false", "no", "off", "0", "n", "disabled"];

/** `raw` is the value in YAML or in the environment. Null is an empty value in YAML. */
export function parseValue(kind: KeyKind, raw: unknown, secrets: SecretSources): ParsedValue {
  const text = typeof raw === "string" ? raw.trim() : raw === null ? "" : undefined;
  const scalar = text ?? (["number", "bigint", "boolean"].includes(typeof raw) ? String(raw) : undefined);
  switch (kind.type) {
    case "windows":
      return parseList(raw, "windows, such as 1m,5m,1h");
    case "origins":
      return parseOrigins(raw, kind.countMax);
    case "hosts":
      return parseHosts(raw, kind.countMax);
    case "subnets":
      return parseSubnets(raw, kind.countMax);
    case "endpoints":
      return parseEndpoints(raw, kind.countMax);
    case "entries":
      // A list has arrived as the keys of its entries.
      return problem(`is ${shown(raw)}, and a list of sections is needed; write \`- type: ...\` for each, in the file`);
    case "structure":
      return kind.read(structureOf(raw), (reference) => resolveSecret(reference, secrets));
    default:
      if (scalar === undefined) return problem(notSingle(kind, raw));
      return parseScalar(kind, scalar, secrets);
  }
}

/** The command line gives lists and sections as JSON. */
function structureOf(raw: unknown): unknown {
  if (typeof raw !== "string" || !/^\s*[[{]/.test(raw)) return raw;
  try {
    return JSON.parse(raw);
  } catch {
    return raw;
  }
}

function notSingle(kind: ScalarKind, raw: unknown): string {
  if (kind.type !== "secret") return `is ${shown(raw)}, and one value is needed; give one`;
  return `is ${shown(raw)}, and one value is needed; write file:PATH or env:NAME on the line of the key`;
}

type ScalarKind = Exclude<
  KeyKind,
  { type: "windows" | "origins" | "hosts" | "subnets" | "endpoints" | "entries" | "structure" }
>;

function parseScalar(kind: ScalarKind, text: string, secrets: SecretSources): ParsedValue {
  switch (kind.type) {
    case "duration":
      return parseDuration(text, kind.minMs, kind.maxMs);
    case "size":
      return parseSize(text, kind.minBytes, kind.maxBytes);
    case "integer":
      return parseNumber(text, /^-?[0-9]{1,15}$/, "a whole number", kind.min, kind.max);
    case "number":
      return parseNumber(text, /^-?[0-9]{1,15}(\.[0-9]{1,9})?$/, "a number", kind.min, kind.max);
    case "usd":
      return parseUsd(text);
    case "switch":
      return parseSwitch(text);
    case "choice":
      if (kind.values.includes(text)) return { value: text };
      if (kind.later.includes(text)) {
        return problem(`"${text}" is not in this version of swapstats; use ${kind.values.join(" or ")}`);
      }
      return problem(
        `${shown(text)} is none of ${kind.values.join(", ")}; choose one of them${didYouMean(text, kind.values)}`,
      );
    case "text":
      if (text !== "" && Buffer.byteLength(text) <= kind.bytesMax && kind.pattern.test(text)) return { value: text };
      return problem(`${shown(text)} does not fit; write 1 to ${kind.bytesMax} bytes of ${kind.patternHint}`);
    case "path":
      return text === "" || text.includes("\0") ? problem("is empty; give the path of a folder") : { value: text };
    case "address": {
      if (text === "") return { value: undefined };
      const address = parseListenAddress(text);
      return address === undefined ? problem(`${shown(text)} is not an address; ${ADDRESS_HINT}`) : { value: address };
    }
    case "secret":
      return parseSecret(text, secrets);
  }
}

function parseSwitch(text: string): ParsedValue {
  const word = text.toLowerCase();
  if (ON_WORDS.includes(word)) return { value: true };
  if (OFF_WORDS.includes(word)) return { value: false };
  return problem(
    `${shown(text)} is neither on nor off; write on or off (true and false, yes and no, 1 and 0 are accepted too)`,
  );
}

function parseDuration(text: string, minMs: number, maxMs: number): ParsedValue {
  const ms = parseDurationMs(text);
  if (ms === undefined) return problem(`${shown(text)} is not a duration; ${DURATION_HINT}`);
  if (ms >= minMs && ms <= maxMs) return { value: ms };
  return problem(`${text} is outside ${formatDurationMs(minMs)} to ${formatDurationMs(maxMs)}; choose a value within`);
}

function parseSize(text: string, minBytes: number, maxBytes: number): ParsedValue {
  const bytes = parseSizeBytes(text);
  if (bytes === undefined) return problem(`${shown(text)} is not a size; ${SIZE_HINT}`);
  if (bytes >= minBytes && bytes <= maxBytes) return { value: bytes };
  const isBare = /^[0-9]+$/.test(text);
  return problem(
    `${text}${isBare ? " bytes (a number without a unit)" : ""} is outside ${formatSizeBytes(minBytes)} to ${formatSizeBytes(maxBytes)}; choose a value within`,
  );
}

function parseUsd(text: string): ParsedValue {
  const micro = parseUsdMicro(text);
  return micro === undefined ? problem(`${shown(text)} is not an amount of dollars; ${USD_HINT}`) : { value: micro };
}

function parseNumber(text: string, form: RegExp, what: string, min: number, max: number): ParsedValue {
  if (!form.test(text)) return problem(`${shown(text)} is not ${what}; give one from ${min} to ${max}`);
  const value = Number(text);
  if (value < min || value > max) return problem(`${text} is outside ${min} to ${max}; choose a value within`);
  return { value };
}

function parseList(raw: unknown, what: string): { readonly value: readonly string[] } | { readonly problem: string } {
  if (raw === null || raw === "") return { value: [] };
  const items = typeof raw === "string" ? raw.split(",") : raw;
  if (!Array.isArray(items) || !items.every((item) => typeof item === "string")) {
    return { problem: `${shown(raw)} is not a list of ${what}` };
  }
  if (items.some((item) => isTelling(item))) return { problem: `holds a user or a password; write ${what}, alone` };
  return { value: items.map((item) => item.trim()) };
}

function parseOrigins(raw: unknown, countMax: number): ParsedValue {
  const list = parseList(raw, "origins, such as https://app.example.com");
  if ("problem" in list) return list;
  if (list.value.length > countMax) return problem(`lists ${list.value.length} origins; give at most ${countMax}`);
  for (const origin of list.value) {
    if (origin === "*") {
      if (list.value.length === 1) continue;
      return problem(
        'lists "*" beside origins; write "*" alone to let every page read, or list the origins that may call',
      );
    }
    if (!/^https?:$/.test(URL.parse(origin)?.protocol ?? "") || URL.parse(origin)?.origin !== origin) {
      return problem(
        `${shown(origin)} is not an origin; write scheme, host and port alone, such as https://app.example.com`,
      );
    }
  }
  return { value: [...new Set(list.value)] };
}

function parseHosts(raw: unknown, countMax: number): ParsedValue {
  const list = parseList(raw, "hosts, such as swapstats.example.com");
  if ("problem" in list) return list;
  if (list.value.length > countMax) return problem(`lists ${list.value.length} hosts; give at most ${countMax}`);
  for (const host of list.value) {
    if (host === "*") {
      if (list.value.length === 1) continue;
      return problem('lists "*" beside hosts; write "*" alone to answer for every host, or list the hosts');
    }
    if (parseHost(host) !== undefined) continue;
    return problem(
      `${shown(host)} is not a host; write a name or an address with an optional port, such as swapstats.example.com or [fd00::7]:8080`,
    );
  }
  return { value: [...new Set(list.value.map((host) => host.toLowerCase()))] };
}

function parseSubnets(raw: unknown, countMax: number): ParsedValue {
  const list = parseList(raw, "addresses, such as 10.0.0.5 or 10.0.0.0/8");
  if ("problem" in list) return list;
  if (list.value.length > countMax) return problem(`lists ${list.value.length} addresses; give at most ${countMax}`);
  for (const subnet of list.value) {
    const [address = "", bits, more] = subnet.split("/");
    const bitsMax = isIPv4(address) ? 32 : isIPv6(address) && !address.includes("%") ? 128 : 0;
    const isGood = bitsMax > 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax));
    if (isGood && more === undefined) continue;
    return problem(`${shown(subnet)} is not an address; write one such as 10.0.0.5, 10.0.0.0/8 or fd00::/8`);
  }
  return { value: [...new Set(list.value)] };
}

function parseEndpoints(raw: unknown, countMax: number): ParsedValue {
  const list = parseList(raw, "addresses, such as redis-1:6379,redis-2:6379");
  if ("problem" in list) return list;
  if (list.value.length === 0) return { value: undefined };
  if (list.value.length > countMax) return problem(`lists ${list.value.length} addresses; give at most ${countMax}`);
  const endpoints: ListenAddress[] = [];
  for (const item of list.value) {
    const endpoint = parseListenAddress(item);
    if (endpoint === undefined || endpoint.port === 0) {
      return problem(`${shown(item)} is not an address; write HOST:PORT, such as redis.example.com:6379`);
    }
    endpoints.push(endpoint);
  }
  return { value: endpoints };
}

function parseSecret(text: string, sources: SecretSources): ParsedValue {
  if (text === "") return { value: undefined };
  const reference = /^(file|env):(.+)$/s.exec(text);
  if (reference === null) {
    if (sources.literalAllowed) return { value: text };
    return problem(
      "holds a secret in clear; give file:PATH or env:NAME, and change the secret if others could read it",
    );
  }
  return resolveSecret(text, sources);
}

/** Reads a reference to a secret. */
function resolveSecret(
  text: string,
  sources: SecretSources,
): { readonly value: string } | { readonly problem: string } {
  const [, how, name = ""] = /^(file|env):(.+)$/s.exec(text) ?? [];
  if (how === "env") {
    const value = sources.env[name];
    return value === undefined || value === ""
      ? { problem: `names the environment variable ${name}, which is not set; set it` }
      : { value };
  }
  try {
    const value = readTextFile(name, SECRET_BYTES_MAX).replace(/\r?\n$/, "");
    if (value === "") return { problem: `names the file ${name}, which is empty; put the secret into it` };
    return { value };
  } catch (error) {
    const reason = (error as Error).message;
    return { problem: `names the file ${name}, which cannot be read (${reason}); check path and rights` };
  }
}

/** Returns the value as the file would have it, a secret masked. Undefined: the key is not set. */
export function formatValue(kind: KeyKind, value: KeyValue): unknown {
  if (kind.type === "address") return value === undefined ? "" : formatListenAddress(value as ListenAddress);
  if (value === undefined) return undefined;
  if (kind.type === "secret") return MASK;
  if (kind.type === "structure") return kind.show(value as never);
  if (kind.type === "endpoints") return (value as readonly ListenAddress[]).map(formatListenAddress);
  if (kind.type === "duration") return formatDurationMs(value as number);
  if (kind.type === "usd") return formatUsd(value as number);
  if (kind.type === "switch") return value === true ? "on" : "off";
  if (typeof value === "string") return maskedValue(value);
  if (kind.type === "size") return formatSizeBytes(value as number);
  return value as string | number | readonly string[];
}
