/**
 * The messages between instances. A message is a head of JSON text behind a header line that every format has alike, so that a message of another format
 * can be refused by name. Within a format members may be added; readers ignore members that they do not know. The names of members are
 * part of the format, whatever their content is called in the code.
 *
 * Format 2 carries the texts of figures behind the head, each with its length, as they are. In format 1 they are strings of the head. An instance
 * says in its announcements, which are of format 1, up to which format it reads, and is sent nothing newer.
 */

import type { Cover, CoveredResponse } from "../bus/bus-workers.ts";
import type { RequestKind, WorkerRequest } from "../bus/requests.ts";
import type { FeedUpdate, PartRevision, RankedRow, RankKey } from "../bus/responses.ts";
import type { ChannelSpec } from "../ports/stats-bus.ts";
import type { WireError } from "../shared/wire-error.ts";

export type Format = 1 | 2;
/** Raised when an older instance could no longer understand a message. */
export const CLUSTER_FORMAT: Format = 2;
export const ANNOUNCEMENT_FORMAT: Format = 1;

export type Announcement = {
  readonly type: "announce";
  readonly instance: string;
  /** When this run of the instance began, ms since 1970. A later run replaces an earlier one of the same name. */
  readonly incarnation: number;
  readonly version: string;
  /** Grows with each announcement of an incarnation. */
  readonly seq: number;
  /** Partitions of the stream, as this instance knows it. */
  readonly partitions: number;
  /** `host`: index of the worker. */
  readonly owned: readonly { readonly partition: number; readonly epoch: string; readonly host: number }[];
  /** With an event clock: its highest event time; else 0. */
  readonly high: number;
  /** When the next announcement comes at the latest. */
  readonly everyMs: number;
  readonly leaving: boolean;
  /** The sender has just started or come back, and wants to hear from all. */
  readonly asks: boolean;
  /** The highest format that it reads. Absent from an instance that reads format 1 alone. */
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
/** `topic` is what the feed is of, `topicId` the listener's number of the feed, `host` the index of the worker. */
export type OpenItem = { readonly topicId: number; readonly host: number; readonly topic: ChannelSpec };

/** A row whose figures are those of the update before has no `json`. */
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
  /** Of a ranking, in place of data and patch. */
  readonly rows?: readonly RowItem[];
  /** Of a ranking in format 1, beside data or patch: the places of its rows. */
  readonly keys?: readonly (RankKey & { readonly partition: number })[];
  readonly parts: readonly PartRevision[];
};
/** A feed that could not be opened, or has ended. */
export type EndedItem = { readonly topicId: number; readonly error: WireError };
/** Of a listener: nobody listens to this any more. Where it is lost the next `listen` tells the same. */
export type CloseItem = { readonly topicId: number };
/** Of a listener: it listens to these alone of all feeds up to `upTo`. */
export type ListenItem = { readonly upTo: number; readonly topicIds: readonly number[] };
/** Response to it: the newest `seq` of each feed that is open here. */
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

/** The message that a head holds, or undefined where it has not the form of one. */
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

/** The address of an instance: its name in a form that every message system takes, and its incarnation. */
export function addressOf(instance: string, incarnation: number): string {
  return `${Buffer.from(instance).toString("base64url")}-${incarnation.toString(36)}`;
}

export function instanceOfAddress(address: string): string {
  return Buffer.from(address.slice(0, address.lastIndexOf("-")), "base64url").toString();
}
