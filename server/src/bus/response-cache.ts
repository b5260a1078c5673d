/**
 * Responses about tokens that may be given again at once. An entry holds the owner's ticket. While the token's slot on the version board is the
 * same and the finest step has not ended, the figures and the revision are the same; as-of, watermark and lag are read again. Only ids are kept,
 * because events of other tokens can change the meaning of a symbol.
 */

import type { Selection, TokenResponse } from "../ports/stats-bus.ts";
import { parseTokenId } from "../shared/token-id.ts";
import type { VersionBoard } from "../shared/version-board.ts";
import type { ResponseTicket } from "./responses.ts";
import type { SharedClock } from "./shared-clock.ts";

type StatsResponse = Extract<TokenResponse, { kind: "stats" }>;
type Entry = { readonly response: StatsResponse; readonly partition: number; readonly ticket: ResponseTicket };

/**
 * An entry is useful for a second at most. Beyond this size all are dropped, and the hot ones soon come back. The compressed forms that doors
 * keep with an entry have a third of its size, and are dropped with it.
 */
const CACHED_CHARS_MAX = 32 * 1024 * 1024;

export class ResponseCache {
  readonly #clock: SharedClock;
  readonly #boards: ReadonlyMap<number, VersionBoard>;
  #bySelection = new Map<Selection, Map<string, Entry>>();
  #chars = 0;

  /** `boards` are by partition. */
  constructor(clock: SharedClock, boards: ReadonlyMap<number, VersionBoard>) {
    this.#clock = clock;
    this.#boards = boards;
  }

  /** Returns the response with the present as-of, or undefined when only the owner can respond. */
  get(token: string, selection: Selection): StatsResponse | undefined {
    const entry = this.#bySelection.get(selection)?.get(token);
    if (entry === undefined) return undefined;
    const { response, partition, ticket } = entry;
    const board = this.#boards.get(partition) as VersionBoard;
    const asOf = this.#clock.now();
    if (
      asOf >= ticket.validUntil ||
      board.slot(ticket.token) !== ticket.slot ||
      board.generation() !== ticket.generation
    ) {
      return undefined;
    }
    return {
      kind: "stats",
      id: response.id,
      epoch: response.epoch,
      rev: response.rev,
      asOf,
      watermark: board.highMs(ticket.chainIndex) - ticket.graceMs,
      lagMs: board.lagMs(this.#clock.wallMs()),
      stale: false,
      body: response.body,
      kept: response.kept,
    };
  }

  put(token: string, selection: Selection, response: StatsResponse, partition: number, ticket: ResponseTicket): void {
    if (parseTokenId(token) === undefined || this.#clock.now() >= ticket.validUntil) return;
    let entries = this.#bySelection.get(selection);
    if (entries === undefined) {
      entries = new Map();
      this.#bySelection.set(selection, entries);
    }
    const before = entries.get(token);
    this.#chars +=
      token.length + response.body.length - (before === undefined ? 0 : token.length + before.response.body.length);
    entries.set(token, { response, partition, ticket });
    if (this.#chars <= CACHED_CHARS_MAX) return;
    this.#bySelection = new Map();
    this.#chars = 0;
  }
}
