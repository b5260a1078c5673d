/**
 * The messages between instances. A message is a head of JSON text behind a header line. All formats have the same header line, and a message of
 * an unknown format can therefore be refused by its number. Members may be added to a format; readers ignore unknown members. The names of members
 * are part of the format, also where the code uses other words.
 *
 * Format 2 has the unchanged texts of figures behind the head, each with its length. In format 1 they are strings in the head. Announcements have
 * format 1 and state the newest format that an instance reads. It gets no newer messages.
 */

import type { Cover, CoveredResponse } from "../bus/bus-workers.ts";
import type { RequestKind, WorkerRequest } from "../bus/requests.ts";
import type { FeedUpdate, PartRevision, RankedRow, RankKey } from "../bus/responses.ts";
import type { ChannelSpec, LogPart } from "../ports/stats-bus.ts";
import type { WireError } from "../shared/wire-error.ts";

export type Format = 1 | 2;
/** Raised when an older instance could no longer understand a message. */
export const CLUSTER_FORMAT: Format = 2;
export const ANNOUNCEMENT_FORMAT: Format = 1;

export type Announcement = {
  readonly type: "announce";
  readonly instance: string;
  /** Start of this run of the instance, ms since 1970. A later run replaces an earlier one of the same name. */
  readonly incarnation: number;
  readonly version: string;
  /** Grows with each announcement of an incarnation. */
  readonly seq: number;
  /** Partitions of the stream, as this instance knows it. */
  readonly partitions: number;
  /** `host`: index of the worker. */
  readonly owned: readonly { readonly partition: number; readonly epoch: string; readonly host: number }[];
  /** Highest event time with an event clock, else 0. */
  readonly high: number;
  /** Time until the next announcement at the latest. */
  readonly everyMs: number;
  readonly leaving: boolean;
  /** Whether the sender has just started or returned, and requests announcements of all instances. */
  readonly asks: boolean;
  /** The highest format that it reads. Absent from an instance that reads only format 1. */
  readonly reads?: number;
};

export type QuestionItem = {
  readonly id: number;
  readonly host: number;
  readonly request: WorkerRequest;
};
export type ResponseItem =
  | {
      readonly id: number;
      readonly covers: readonly Cover[];
      readonly answer: CoveredResponse<RequestKind>["response"];
    }
  | { readonly id: number; readonly error: WireError };
/** `topic` is the channel of the feed, `topicId` the listener's number of the feed, `host` the index of the worker. */
export type OpenItem = { readonly topicId: number; readonly host: number; readonly topic: ChannelSpec };

/** A row with unchanged figures has no `json`. */
export type RowItem = Omit<RankedRow, "json"> & { readonly json?: string };
/** `seq` counts from 1 without holes. */
export type UpdateItem = Pick<FeedUpdate, "epoch" | "rev" | "asOf" | "lagMs"> & {
  readonly topicId: number;
  readonly seq: number;
  readonly prevRev?: number;
  readonly watermark?: number;
  /** The whole data, or a patch that applies to `prevRev`. */
  readonly data?: string;
  readonly patch?: string;
  /** Items of a log, beside data or instead of it. */
  readonly log?: LogPart | undefined;
  /** Rows of a ranking, instead of data and patch. */
  readonly rows?: readonly RowItem[];
  /** Places of the rows of a ranking in format 1, in addition to data or patch. */
  readonly keys?: readonly (RankKey & { readonly partition: number })[];
  readonly parts: readonly PartRevision[];
};
/** A feed that could not be opened, or has ended. */
export type EndedItem = { readonly topicId: number; readonly error: WireError };
/** From a listener that has closed the feed. If the message is lost, the next `listen` has the same effect. */
export type CloseItem = { readonly topicId: number };
/** From a listener: the feeds that it listens to, among all up to `upTo`. */
export type ListenItem = { readonly upTo: number; readonly topicIds: readonly number[] };
/** Response to `listen`: the newest `seq` of each open feed. */
export type ListeningItem = { readonly upTo: number; readonly topics: readonly (readonly [number, number])[] };

export type ItemTypes = {
  questions: QuestionItem;
  answers: ResponseItem;
  open: OpenItem;
  close: CloseItem;
  updates: UpdateItem;
  ended: EndedItem;
  listen: ListenItem;
  listening: ListeningItem;
};
export type ItemType = keyof ItemTypes;
export type ItemsMessage = {
  [T in ItemType]: { readonly type: T; readonly high: number; readonly items: readonly ItemTypes[T][] };
}[ItemType];
export type ClusterMessage = Announcement | ItemsMessage;

const ITEM_TYPES: { readonly [T in ItemType]: true } = {
  questions: true,
  answers: true,
  open: true,
  close: true,
  updates: true,
  ended: true,
  listen: true,
  listening: true,
};

/** Returns the message in a head, or undefined if the head is not a message. */
export function messageOf(head: unknown): ClusterMessage | undefined {
  if (typeof head !== "object" || head === null) return undefined;
  const { type, items } = head as { type?: unknown; items?: unknown };
  if (type === "announce") return isAnnouncement(head as Announcement) ? (head as Announcement) : undefined;
  if (typeof type !== "string" || !Object.hasOwn(ITEM_TYPES, type) || !Array.isArray(items)) return undefined;
  if (!items.every((item) => typeof item === "object" && item !== null)) return undefined;
  return head as ItemsMessage;
}

function isAnnouncement(message: Partial<Announcement>): boolean {
  const { instance, incarnation, seq, partitions, owned, everyMs } = message;
  return (
    typeof instance === "string" &&
    [incarnation, seq, partitions, everyMs].every(Number.isSafeInteger) &&
    Array.isArray(owned) &&
    owned.every(
      (one) => Number.isSafeInteger(one.partition) && Number.isSafeInteger(one.host) && /^[0-9]+$/.test(one.epoch),
    )
  );
}

/** Returns the address of an instance: its name in a form that every message system accepts, and its incarnation. */
export function addressOf(instance: string, incarnation: number): string {
  return `${Buffer.from(instance).toString("base64url")}-${incarnation.toString(36)}`;
}

export function instanceOfAddress(address: string): string {
  return Buffer.from(address.slice(0, address.lastIndexOf("-")), "base64url").toString();
}
