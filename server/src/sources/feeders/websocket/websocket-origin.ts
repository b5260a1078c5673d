/**
 * The origin `websocket`: messages of somebody's feed.
 *
 * With a cursor the position is the one of the last message, and after each connect the feed is asked to continue behind it. Without one
 * the messages that the feed sends while the feeder is not connected are lost; the position counts these times, so that they are shown.
 * Messages that were received and not handed over are lost at a crash as well, and count as a gap of the next start.
 */
import type { MappedRecord } from "../../../mapping/mapper.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { printableCut } from "../../../shared/printable-text.ts";
import { type BackoffLimits, backoffMs } from "../../../shared/retry.ts";
import { WakeableTimer } from "../../../shared/wakeable-timer.ts";
import { JsonText } from "../json-parts.ts";
import {
  ORIGIN_BATCH_BYTES_MAX,
  ORIGIN_BATCH_RECORDS_MAX,
  type Origin,
  type OriginBatch,
  type OriginContext,
  type Position,
} from "../origin.ts";
import { FeedConnection, type WebSocketSettings } from "./feed-connection.ts";

const RECONNECT: BackoffLimits = { firstMs: 500, longestMs: 30_000 };
const CURSOR_CHARS_MAX = 4_096;
const SHOWN_CHARS_MAX = 120;
const PLACEHOLDER = "{cursor}";

type FeedPosition = {
  readonly cursor?: string;
  /** Messages so far. */
  readonly messages: number;
  /** Times without a connection, of a feed without a cursor. */
  readonly gaps: number;
};

export function openOrigin(settings: WebSocketSettings, { endsAtEnd }: OriginContext): WebSocketOrigin {
  return new WebSocketOrigin(settings, endsAtEnd);
}

export class WebSocketOrigin implements Origin {
  readonly identity: string;
  readonly #settings: WebSocketSettings;
  readonly #endsAtEnd: boolean;
  readonly #pauses: BackoffLimits;
  readonly #timer = new WakeableTimer();
  #connection: FeedConnection | undefined;
  #failures = 0;
  #lastEnd: string | undefined;
  /** Whether the present time without a connection is counted. */
  #isGapCounted = false;
  /** The last batch, and the position before it: it is given again until its own position comes. */
  #last: { readonly before: string; readonly batch: OriginBatch } | undefined;

  /** `endsAtEnd`: the end is where the feed has nothing more to send at once. `pauses`: between two attempts to connect. */
  constructor(settings: WebSocketSettings, endsAtEnd: boolean, pauses: BackoffLimits = RECONNECT) {
    const { origin, pathname } = new URL(settings.url);
    this.identity = `${origin}${pathname}`;
    this.#settings = settings;
    this.#endsAtEnd = endsAtEnd;
    this.#pauses = pauses;
    const { path, subscribeWith } = settings.cursor;
    if ((path === undefined) !== (subscribeWith === undefined)) {
      const message = `feeder ${settings.name}: cursor.path and cursor.subscribe_with belong together; give both or none`;
      throw new SwapstatsError("bad_config", message);
    }
  }

  get problem(): string | undefined {
    if (this.#connection?.isOpen === true || this.#lastEnd === undefined) return undefined;
    const loss = this.#hasCursor ? "" : " What the feed sends meanwhile is lost.";
    return `The feeder is not connected to ${new URL(this.#settings.url).host}: ${this.#lastEnd}.${loss}`;
  }

  positionText(position: Position): string {
    const { cursor, messages, gaps } = position as unknown as FeedPosition;
    const shown = cursor === undefined ? "" : `, cursor ${printableCut(cursor, SHOWN_CHARS_MAX)}`;
    return `${messages} messages${shown}${gaps === 0 ? "" : `, ${gaps} times not connected`}`;
  }

  async read(position: Position | undefined, signal: AbortSignal): Promise<OriginBatch | undefined> {
    const before = JSON.stringify(position);
    if (this.#last !== undefined && this.#last.before === before) return this.#last.batch;
    const from = (position ?? { messages: 0, gaps: 0 }) as unknown as FeedPosition;
    const wake = (): void => this.#timer.wake();
    signal.addEventListener("abort", wake);
    try {
      const batch = await this.#next(from, position !== undefined, signal);
      this.#last = batch === undefined ? undefined : { before, batch };
      return batch;
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  async #next(from: FeedPosition, isContinued: boolean, signal: AbortSignal): Promise<OriginBatch | undefined> {
    // Each read asks anew: the feed may have sent more since the answer to an earlier one.
    let isAtEnd: (() => boolean) | undefined;
    for (;;) {
      signal.throwIfAborted();
      const connection = this.#connection;
      if (connection === undefined) {
        this.#connect(from);
        if (isContinued && !this.#hasCursor && !this.#isGapCounted) {
          this.#isGapCounted = true;
          return this.#batch([], { ...from, gaps: from.gaps + 1 });
        }
      } else if (connection.waiting > 0) {
        this.#failures = 0;
        const messages = connection.take(ORIGIN_BATCH_RECORDS_MAX, ORIGIN_BATCH_BYTES_MAX);
        const count = from.messages + messages.length;
        return this.#batch(messages, { ...from, ...this.#cursorOf(messages), messages: count });
      } else if (connection.ended !== undefined) {
        if (connection.wasOpen) this.#isGapCounted = false;
        this.#lastEnd = connection.ended;
        this.#failures++;
        await this.#pause(backoffMs(this.#pauses, this.#failures), signal);
        this.#connection = undefined;
        isAtEnd = undefined;
      } else if (isAtEnd?.() === true) {
        return undefined;
      } else {
        if (this.#endsAtEnd && connection.isOpen) isAtEnd ??= connection.askForEnd();
        // A message, the end of the connection and an abort wake the timer.
        await this.#timer.pause(this.#settings.silenceMs);
      }
    }
  }

  async close(): Promise<void> {
    this.#connection?.close();
  }

  get #hasCursor(): boolean {
    return this.#settings.cursor.path !== undefined;
  }

  #connect({ cursor }: FeedPosition): void {
    const { subscribe = [], cursor: rule } = this.#settings;
    // Within JSON the cursor is the content of a text.
    const text = cursor === undefined ? "" : JSON.stringify(cursor).slice(1, -1);
    const messages =
      cursor === undefined
        ? subscribe
        : (rule.subscribeWith ?? []).map((message) => message.replaceAll(PLACEHOLDER, () => text));
    this.#connection = new FeedConnection(this.#settings, messages, () => this.#timer.wake());
  }

  /** Returns the cursor of the last message that has one. */
  #cursorOf(messages: readonly Buffer[]): { readonly cursor?: string } {
    const { path } = this.#settings.cursor;
    if (path === undefined) return {};
    for (const message of messages.toReversed()) {
      const text = new JsonText(message);
      const part = text.find(path);
      const cursor = part === undefined ? undefined : text.scalar(part);
      if (cursor !== undefined && cursor.length <= CURSOR_CHARS_MAX) return { cursor };
    }
    return {};
  }

  #batch(messages: readonly Buffer[], position: FeedPosition): OriginBatch {
    const records = messages.map((bytes): MappedRecord => ({ bytes, start: 0, end: bytes.length }));
    const count = this.#connection?.waiting ?? 0;
    return { records, position: position as unknown as Position, behind: { count, unit: "records" } };
  }

  /** Nothing but an abort ends it early. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    for (const endMs = Date.now() + ms; !signal.aborted && Date.now() < endMs; ) {
      await this.#timer.pause(Math.max(1, endMs - Date.now()));
    }
  }
}
