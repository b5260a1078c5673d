/**
 * What instances say to each other. Every message is JSON text behind a header line that every format has alike, so that a
 * message of another format can be refused by name. Within a format members may be added; readers ignore what they do not know.
 */

import type {
  BodyPart,
  NameLookup,
  PartRevision,
  RankedKey,
  TokenPart,
  Topic,
  WireError,
  WorkerRequest,
  WorkerResponses,
} from "../bus/worker-protocol.ts";
import type { OwnedPartition } from "./contract.ts";

/** Raised when an older instance could no longer understand a message. */
export const CLUSTER_FORMAT = 1;

/** Questions that may go to other instances. */
export type PeerRequest = Extract<
  WorkerRequest,
  { kind: "tokens" | "overview" | "candles" | "swaps" | "lookup" | "dead_letters" | "status" | "placements" | "split" }
>;
const PEER_KINDS: ReadonlySet<string> = new Set<PeerRequest["kind"]>([
  "tokens",
  "overview",
  "candles",
  "swaps",
  "lookup",
  "dead_letters",
  "status",
  "placements",
  "split",
]);
export const isPeerRequest = (request: { readonly kind: string }): boolean => PEER_KINDS.has(request.kind);

type FiguresOf = NonNullable<TokenPart["stats"]>;
/** As a host answers, without the ticket, which means nothing outside its process. */
export type PeerTokenAnswer = {
  readonly lookup: NameLookup | undefined;
  readonly found: (Omit<FiguresOf, "ticket"> & { readonly partition: number }) | undefined;
};
export type PeerAnswer = Omit<WorkerResponses, "tokens" | "open" | "misplaced" | "metrics"> & {
  tokens: { readonly asOf: number; readonly items: readonly PeerTokenAnswer[] };
};
export type PeerBodyAnswer = BodyPart;

/** A partition and the epoch in which it was answered for. */
export type Cover = readonly [partition: number, epoch: string];

export type Announcement = {
  readonly type: "announce";
  readonly instance: string;
  /** When this run of the instance began, ms since 1970: a later run replaces an earlier one of the same name. */
  readonly incarnation: number;
  readonly version: string;
  /** Grows with each announcement of an incarnation. */
  readonly seq: number;
  /** Partitions of the topic, as this instance knows it. */
  readonly partitions: number;
  readonly owned: readonly OwnedPartition[];
  /** With an event clock: its highest event time; else 0. */
  readonly high: number;
  /** When the next announcement comes at the latest. */
  readonly everyMs: number;
  readonly leaving: boolean;
  /** The sender has just started or come back, and wants to hear from all. */
  readonly asks: boolean;
};

export type QuestionItem = { readonly id: number; readonly host: number; readonly request: PeerRequest };
export type AnswerItem =
  | {
      readonly id: number;
      readonly covers: readonly Cover[];
      readonly answer: PeerAnswer[PeerRequest["kind"]] | null;
    }
  | { readonly id: number; readonly error: WireError };
export type OpenItem = { readonly topicId: number; readonly host: number; readonly topic: Topic };
/** Whole data in `data`, or a patch that applies to `prevRev`; `seq` counts from 1 without holes. */
export type UpdateItem = {
  readonly topicId: number;
  readonly seq: number;
  readonly epoch: string;
  readonly rev: number;
  readonly prevRev?: number;
  readonly asOf: number;
  readonly watermark?: number;
  readonly lagMs: number;
  readonly data?: string;
  readonly patch?: string;
  readonly keys?: readonly RankedKey[];
  readonly parts: readonly PartRevision[];
};
/** A topic that could not be opened, or has ended. */
export type EndedItem = { readonly topicId: number; readonly error: WireError };
/** Of a listener: nobody listens to this any more. Where it is lost the next `listen` tells the same. */
export type CloseItem = { readonly topicId: number };
/** Of a listener: it listens to these alone of all topics up to `upTo`. */
export type ListenItem = { readonly upTo: number; readonly topicIds: readonly number[] };
/** Answer to it: the newest `seq` of each topic that is open here. */
export type ListeningItem = { readonly upTo: number; readonly topics: readonly (readonly [number, number])[] };

export type ItemTypes = {
  questions: QuestionItem;
  answers: AnswerItem;
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

const ITEM_TYPES: ReadonlySet<string> = new Set<ItemType>([
  "questions",
  "answers",
  "open",
  "close",
  "updates",
  "ended",
  "listen",
  "listening",
]);

/** The message in a payload of our format, or undefined where it has not the form of one. */
export function parseMessage(payload: string): ClusterMessage | undefined {
  let message: unknown;
  try {
    message = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (typeof message !== "object" || message === null) return undefined;
  const { type, items } = message as { type?: unknown; items?: unknown };
  if (type === "announce") return isAnnouncement(message as Announcement) ? (message as Announcement) : undefined;
  if (typeof type !== "string" || !ITEM_TYPES.has(type) || !Array.isArray(items)) return undefined;
  if (!items.every((item) => typeof item === "object" && item !== null)) return undefined;
  return message as ItemsMessage;
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
