/** The raw events of a partition: written down as they are applied, and sent to the history thread after each batch. */
import { type OutcomeWatch, RawRowWriter } from "../../codecs/raw-rows.ts";
import type { StreamKey } from "../../ports/history-store.ts";
import type { HistoryLink } from "./history-link.ts";

export class RawHistory {
  readonly #link: HistoryLink;
  readonly #rows: RawRowWriter;
  #writer: StreamKey;
  /** Offset behind the last record that was sent. */
  #sent: number;
  #durable: number;

  /** The rows of all records below `durable` are in the store. `writer` has the epoch of the claim. */
  constructor(link: HistoryLink, writer: StreamKey, durable: number) {
    this.#link = link;
    this.#rows = new RawRowWriter(() => link.takeSpare());
    this.#writer = writer;
    this.#sent = durable;
    this.#durable = durable;
  }

  /** The raw rows of all records below it are durable. */
  get durable(): number {
    return this.#durable;
  }

  /** Follows the events of records. */
  get watch(): OutcomeWatch {
    return this.#rows;
  }

  /** Follows the events of a redo: rows that the store has are left out. */
  get redoWatch(): OutcomeWatch {
    return {
      applied: (bytes, start, end, arrivalMs, offset, index, outcome) => {
        if (offset >= this.#durable) this.#rows.applied(bytes, start, end, arrivalMs, offset, index, outcome);
      },
      release: () => this.#rows.release(),
    };
  }

  /** Tells the history thread that the rows of the records [fromOffset, toOffset) can no longer be made. Returns a sentence about them. */
  noteGap(fromOffset: number, toOffset: number): string {
    this.#link.send({ type: "raw_gap", gap: { writer: this.#writer, fromOffset, toOffset } });
    return (
      `Raw events of the records ${fromOffset} to ${toOffset - 1} of partition ${this.#writer.partition} may be missing in the history: its store ` +
      "did not have them when the checkpoint was written, and the state that was restored lies behind them. Settled swaps and figures are not affected."
    );
  }

  /** Sends the rows of all records below the offset. */
  send(toOffset: number): void {
    const chunk = this.#rows.cut();
    if (toOffset <= this.#sent) return;
    const content = chunk?.bytes ?? new Uint8Array(0);
    const rows = chunk?.count ?? 0;
    this.#link.send({ type: "raw", writer: this.#writer, chunk: { fromOffset: this.#sent, toOffset, rows, content } });
    this.#sent = toOffset;
  }

  /** The stream continues in this log at this offset. */
  continueAt(logId: string, offset: number): void {
    if (logId !== this.#writer.logId || offset < this.#sent) {
      this.#sent = offset;
      this.#durable = offset;
    }
    this.#writer = { ...this.#writer, logId };
  }

  settle(writer: StreamKey, offset: number): void {
    if (writer.logId === this.#writer.logId && writer.epoch === this.#writer.epoch) {
      this.#durable = Math.max(this.#durable, offset);
    }
  }
}
