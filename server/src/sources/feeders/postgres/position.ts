/**
 * The position of a Postgres feeder as it is kept: the final id, and the last id with the holes below it. The second part holds for one
 * server from its start to its end. After a restart or a failover a server may have lost rows, and may give their ids to other ones.
 */
import type { OpenIds, ReadIds } from "./open-ids.ts";

export type KeptPosition = {
  readonly after: string;
  /** Differs from batch to batch, so a position that is given back shows which batches were kept. */
  readonly pass: number;
  /** Absent: too many holes. */
  readonly read?: {
    readonly server: string;
    readonly last: string;
    /** The lowest and the highest id of each hole, one after the other. */
    readonly holes: readonly string[];
  };
};

/** Below every id. */
export const BEGINNING = -(2n ** 63n) - 1n;

export function keptPosition(ids: OpenIds, pass: number, serverStart: string): KeptPosition {
  const { kept } = ids;
  const position = { after: String(ids.after), pass };
  if (kept === undefined) return position;
  const holes = kept.holes.flatMap(({ low, high }) => [String(low), String(high)]);
  return { ...position, read: { server: serverStart, last: String(kept.last), holes } };
}

/** Returns what was read above the final id. Undefined when it is not known, or was read from another start of a server. */
export function readIds({ read }: KeptPosition, serverStart: string): ReadIds | undefined {
  if (read === undefined || read.server !== serverStart) return undefined;
  const holes = Array.from({ length: read.holes.length / 2 }, (_, i) => ({
    low: BigInt(read.holes[2 * i]!),
    high: BigInt(read.holes[2 * i + 1]!),
  }));
  return { last: BigInt(read.last), holes };
}

/** Returns the position for people. */
export function textOf({ after, read }: KeptPosition): string {
  const final = BigInt(after) === BEGINNING ? "nothing final yet" : `final to id ${after}`;
  return read === undefined || read.last === after ? final : `id ${read.last}, ${final}`;
}
