/**
 * Does what OriginFeeder does with the batches of an origin, but with kills at chosen moments, and keeps what a state would remember of the
 * swaps: their inclusions.
 */
import { strict as assert } from "node:assert";
import type { Origin, OriginBatch, Position } from "../../../../src/sources/feeders/origin.ts";

type SwapEventJson = Readonly<Record<string, unknown>>;

type Inclusion = { event: SwapEventJson | undefined; isRemoved: boolean };

/** `before`: nothing is handed over. `between`: the swaps are durable, and the position is the old one. */
type Kill = "before" | "between";

export class FeederDouble {
  position: Position | undefined;
  /** Inclusions by swap (`token event_id`). */
  readonly swaps = new Map<string, Map<string, Inclusion>>();
  removals = 0;
  readonly otherRecords: string[] = [];

  /** Takes a batch, or is killed within it. */
  take(batch: OriginBatch, kill?: Kill): void {
    // Positions are JSON and survive as such.
    const position = JSON.parse(JSON.stringify(batch.position)) as Position;
    assert.ok(JSON.stringify(position).length <= 64 * 1024);
    if (kill === "before") return;
    for (const { bytes, start, end } of batch.records) this.#take(Buffer.from(bytes.subarray(start, end)).toString());
    if (kill === "between") return;
    this.position = position;
  }

  /** Reads until the end of the origin, or until an error. */
  async drain(origin: Origin, signal: AbortSignal): Promise<void> {
    for (;;) {
      const batch = await origin.read(this.position, signal);
      if (batch === undefined) return;
      this.take(batch);
    }
  }

  /** Returns the event of each swap that counts. */
  counting(): Map<string, SwapEventJson> {
    const counting = new Map<string, SwapEventJson>();
    for (const [swap, inclusions] of this.swaps) {
      const present = [...inclusions.values()].flatMap(({ event, isRemoved }) =>
        isRemoved || event === undefined ? [] : [event],
      );
      const greatest = present.toSorted((a, b) => rank(a) - rank(b)).at(-1);
      if (greatest !== undefined) counting.set(swap, greatest);
    }
    return counting;
  }

  #take(text: string): void {
    const event = JSON.parse(text) as SwapEventJson;
    if (event.chain_id === undefined) {
      this.otherRecords.push(text);
      return;
    }
    const swap = `${event.chain_id}:${event.token} ${event.chain_id}:${event.tx_hash}:${event.log_index}`;
    const inclusions = this.swaps.get(swap) ?? new Map<string, Inclusion>();
    this.swaps.set(swap, inclusions);
    const key = `${event.revision ?? 0} ${event.block_hash}`;
    const known = inclusions.get(key) ?? { event: undefined, isRemoved: false };
    inclusions.set(key, known);
    if (event.removed === true) {
      this.removals++;
      known.isRemoved = true;
      return;
    }
    if (known.event !== undefined) assert.deepEqual(event, known.event, "a copy differs from the first");
    known.event ??= event;
  }
}

function rank(event: SwapEventJson): number {
  return Number(event.revision ?? 0) * 1e9 + Number(event.block_number);
}
