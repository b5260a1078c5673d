/** The order of the swaps of a token: time, block number or 0, transaction index, log index, then the event id as bytes. */

/** A place in that order. */
type Position = {
  readonly eventTimeMs: number;
  readonly blockNumber: number;
  readonly txIndex: number;
  readonly logIndex: number;
  readonly eventId: string;
};

/** Returns the place of a swap. */
export function positionOf(
  swap: Omit<Position, "blockNumber"> & { readonly blockNumber: number | undefined },
): Position {
  const { eventTimeMs, blockNumber = 0, txIndex, logIndex, eventId } = swap;
  return { eventTimeMs, blockNumber, txIndex, logIndex, eventId };
}

/** Returns a negative number when a comes before b, and 0 for the same place. */
export function comparePositions(a: Position, b: Position): number {
  return (
    a.eventTimeMs - b.eventTimeMs ||
    a.blockNumber - b.blockNumber ||
    a.txIndex - b.txIndex ||
    a.logIndex - b.logIndex ||
    (a.eventId === b.eventId ? 0 : Buffer.compare(Buffer.from(a.eventId), Buffer.from(b.eventId)))
  );
}
