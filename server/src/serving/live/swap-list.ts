/** The newest swaps of a token that count: a list as its owner sent it, and swaps that began to count since. */

type Swap = {
  readonly event_time: number;
  readonly block_number?: number;
  readonly tx_index?: number;
  readonly log_index: number;
  readonly event_id: string;
};

const APPLIED = '{"action":"applied",';
/** Swaps that began to count since the list was sent; more are put in their places at once. */
const ADDED_MAX = 1_000;

export class SwapList {
  readonly #limit: number;
  #text: string;
  #added: string[] = [];

  /** `text`: `{"items":[..]}`, the newest `limit` swaps, newest first. */
  constructor(text: string, limit: number) {
    this.#text = text;
    this.#limit = limit;
  }

  /** Adds items `{"action":"applied",..}` in any order. */
  add(items: readonly string[]): void {
    this.#added.push(...items);
    if (this.#added.length > ADDED_MAX) this.#fold();
  }

  /** The list as JSON text `{"items":[..]}`. */
  get text(): string {
    this.#fold();
    return this.#text;
  }

  #fold(): void {
    if (this.#added.length === 0) return;
    const { items } = JSON.parse(this.#text) as { items: Swap[] };
    for (const item of this.#added) items.push(JSON.parse(`{${item.slice(APPLIED.length)}`) as Swap);
    items.sort((a, b) => compareOrder(b, a));
    this.#text = JSON.stringify({ items: items.slice(0, this.#limit) });
    this.#added = [];
  }
}

/** Compares by the order of open and close, as the engine does. */
function compareOrder(a: Swap, b: Swap): number {
  return (
    a.event_time - b.event_time ||
    (a.block_number ?? 0) - (b.block_number ?? 0) ||
    (a.tx_index ?? 0) - (b.tx_index ?? 0) ||
    a.log_index - b.log_index ||
    Buffer.compare(Buffer.from(a.event_id), Buffer.from(b.event_id))
  );
}
