/**
 * The audit log: who asked for credentials, who was refused, and who was limited. Lines hold names and addresses, and never a token or key.
 *
 * The lines are bounded, whatever clients do. Of each sender and event the first lines of a span are written, and the rest is counted. At the end of
 * the span one line for each sender says how many more there were, for the senders with the most.
 */
import type { Logger } from "../observability/logger.ts";
import type { Identity } from "./identity.ts";

export const SPAN_MS = 10_000;
/** Lines of one sender and event in a span. */
export const LINES_PER_SENDER_MAX = 3;
/** Lines of one event in a span, and its summaries. Two spans of it are what the log writes of one text before it counts (repeat-filter.ts). */
export const LINES_PER_EVENT_MAX = 25;
/** Senders that are told apart in a span, for each event. */
const SENDERS_MAX = 1_000;
const SUBJECT_CHARS_MAX = 100;

/** `asked`: for a token, a ticket or another credential. */
type AuditEvent = "asked" | "refused" | "limited";

type Entry = {
  /** Undefined: the credentials are not valid, or nobody looked at them. */
  readonly identity: Pick<Identity, "kind" | "subject"> | undefined;
  readonly address: string;
  readonly operation: string;
  /** Code of the problem, or name of the limit. Undefined for `asked`. */
  readonly reason: string | undefined;
};

type Count = { readonly entry: Entry; written: number; held: number };

export class AuditLog {
  readonly #logger: Pick<Logger, "info">;
  readonly #events = new Map<AuditEvent, { readonly bySender: Map<string, Count>; written: number; held: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Pick<Logger, "info">) {
    this.#logger = logger;
  }

  add(event: AuditEvent, entry: Entry): void {
    // A service without events needs no timer.
    this.#timer ??= setTimeout(() => this.#endSpan(), SPAN_MS).unref();
    const counts = this.#countsOf(event);
    const count = countOf(counts.bySender, entry);
    if (count === undefined) counts.held += 1;
    else if (count.written < LINES_PER_SENDER_MAX && counts.written < LINES_PER_EVENT_MAX) {
      count.written += 1;
      counts.written += 1;
      this.#logger.info(membersOf(event, entry), `audit: ${event}`);
    } else count.held += 1;
  }

  /** Writes the summaries that are due. */
  close(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#endSpan();
  }

  #countsOf(event: AuditEvent) {
    let counts = this.#events.get(event);
    if (counts === undefined) {
      counts = { bySender: new Map<string, Count>(), written: 0, held: 0 };
      this.#events.set(event, counts);
    }
    return counts;
  }

  #endSpan(): void {
    this.#timer = undefined;
    for (const [event, { bySender, held }] of this.#events) {
      const counted = [...bySender.values()].filter((count) => count.held > 0).sort((a, b) => b.held - a.held);
      for (const { entry, held: more } of counted.slice(0, LINES_PER_EVENT_MAX)) {
        this.#logger.info({ ...membersOf(event, entry), more }, `audit: more ${event}`);
      }
      const rest = counted.slice(LINES_PER_EVENT_MAX).reduce((sum, count) => sum + count.held, held);
      if (rest > 0) this.#logger.info({ audit: event, more: rest }, `audit: more ${event}, of further senders`);
    }
    this.#events.clear();
  }
}

/** Returns undefined when too many senders are told apart already. */
function countOf(bySender: Map<string, Count>, entry: Entry): Count | undefined {
  const { identity, address, reason } = entry;
  const key = JSON.stringify([identity?.kind, identity?.subject, address, reason]);
  let count = bySender.get(key);
  if (count === undefined && bySender.size < SENDERS_MAX) {
    count = { entry, written: 0, held: 0 };
    bySender.set(key, count);
  }
  return count;
}

function membersOf(event: AuditEvent, { identity, address, operation, reason }: Entry): Record<string, unknown> {
  return {
    ...{ audit: event, operation },
    ...(reason === undefined ? {} : { reason }),
    ...(identity?.subject === undefined
      ? { sender: identity?.kind ?? "unknown" }
      : { sender: identity.kind, subject: identity.subject.slice(0, SUBJECT_CHARS_MAX) }),
    address,
  };
}
