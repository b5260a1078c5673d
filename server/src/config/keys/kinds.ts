/** Kinds that several sections of the table use, with their limits. */
import type { KeyKind } from "../key.ts";

type KindOf<T extends KeyKind["type"]> = Extract<KeyKind, { readonly type: T }>;

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

export const duration = (minMs: number, maxMs: number): KindOf<"duration"> => ({ type: "duration", minMs, maxMs });
export const size = (minBytes: number, maxBytes: number): KindOf<"size"> => ({ type: "size", minBytes, maxBytes });
export const integer = (min: number, max: number): KindOf<"integer"> => ({ type: "integer", min, max });
export const text = (bytesMax: number, pattern: RegExp, patternHint: string): KindOf<"text"> => ({
  type: "text",
  bytesMax,
  pattern,
  patternHint,
});
export const choice = <const V extends string>(values: readonly V[], later: readonly string[] = []) =>
  ({ type: "choice", values, later }) as const;
export const endpoints = (countMax: number): KindOf<"endpoints"> => ({ type: "endpoints", countMax });

export const SWITCH: KindOf<"switch"> = { type: "switch" };
export const PATH: KindOf<"path"> = { type: "path" };
export const SECRET: KindOf<"secret"> = { type: "secret" };
export const ADDRESS: KindOf<"address"> = { type: "address" };
export const USD: KindOf<"usd"> = { type: "usd" };
export const PRINTABLE = text(256, /^[\x21-\x7e]+$/, "printable ASCII without spaces");

const TOPIC_PATTERN = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;
/** Name of a Kafka topic. */
export const topicName = (bytesMax: number): KindOf<"text"> =>
  text(bytesMax, TOPIC_PATTERN, "letters, digits and . _ -, as Kafka takes for a topic");
