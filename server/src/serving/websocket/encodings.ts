/**
 * How messages become frames: one encoding for each sub-protocol, plain or compressed. All sessions of an encoding share it, so a message is
 * encoded, and compressed, once for all clients that get it.
 *
 * Compression (RFC 7692) is by message, without context of the messages before: a frame then depends on no connection. Compressing for each
 * connection, as WebSocket libraries do, would cost the service as much for each client as the encoding costs it for all.
 */
import { constants, deflateRawSync } from "node:zlib";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import {
  type EncodingProtocol,
  encodingProtocols,
  jsonPatchBatchProtocol,
  jsonPatchProtocol,
  protobufBatchProtocol,
  protobufProtocol,
  webSocketBatchProtocol,
  webSocketProtocol,
} from "@swapstats/protocol/websocket.ts";
import { LRUCache } from "lru-cache";
import type { ChannelHead } from "../live/channel-head.ts";
import type { Position } from "../live/channel-requests.ts";
import { messageText } from "../live/messages.ts";
import type { Encoder, SharedMessage } from "../live/shared-message.ts";
import { batchOf, ChannelMessages, replyMessage } from "../protobuf/channel-messages.ts";
import { lengthOf, type MessageFrames, payloadFrames, textFrames } from "./frames.ts";
import { operationsOf } from "./json-patch.ts";
import type { WebSocketLimits } from "./limits.ts";
import { type BatchForm, type BatchItem, BatchPacker, type Packer, SinglePacker } from "./packers.ts";

export type Encoding = {
  /** Returns a packer for one write, which appends to `frames`, `bytesFree` at most. */
  packer(frames: Buffer[], bytesFree: number): Packer;
  /** Whether messages can lead a client on that holds this, as far as the encoding is concerned. */
  canContinue(head: ChannelHead, from: Position): boolean;
  /** Returns the frames of a message that is not of a channel. `numbers`: of the channels of a `subscribed`, by name. */
  reply(text: string, numbers?: ReadonlyMap<string, number>): MessageFrames;
};

/** Messages in the form of a sub-protocol, before they are framed. */
type Form = {
  readonly isText: boolean;
  message(message: SharedMessage): Content;
  reply(text: string, numbers?: ReadonlyMap<string, number>): Content;
  canContinue(head: ChannelHead, from: Position): boolean;
};

/** Shorter messages do not become shorter. */
const DEFLATED_BYTES_MIN = 128;
/** A flush ends with these bytes, which the receiver adds again. */
const FLUSH_END_BYTES = 4;
/** Bytes of the data of all revisions that clients of JSON Patch may hold. A character of JSON takes about three bytes as objects. */
const BASES_BYTES_MAX = 64 * 2 ** 20;
const BYTES_PER_CHAR = 3;

/** A message of a form, before it is framed. */
type Content = string | Buffer;
type FrameLimits = Pick<WebSocketLimits, "fragmentBytesMax" | "batchBytesMax">;

/** Returns the encodings of the door. A frame has at most `fragmentBytesMax` bytes of payload. */
export function createEncodings(limits: FrameLimits): (protocol: EncodingProtocol, isCompressed: boolean) => Encoding {
  const forms = {
    json: { isText: true, message: (message) => message.text(), reply: (text) => text, canContinue: () => true },
    jsonPatch: jsonPatchForm(),
    protobuf: protobufForm(),
  } as const satisfies Readonly<Record<string, Form>>;
  // Two encodings of a form share what it remembers.
  const formOf: Readonly<Record<EncodingProtocol, readonly [form: Form, isBatch: boolean]>> = {
    [webSocketProtocol]: [forms.json, false],
    [jsonPatchProtocol]: [forms.jsonPatch, false],
    [protobufProtocol]: [forms.protobuf, false],
    [webSocketBatchProtocol]: [forms.json, true],
    [jsonPatchBatchProtocol]: [forms.jsonPatch, true],
    [protobufBatchProtocol]: [forms.protobuf, true],
  };
  const encodings = new Map(
    encodingProtocols.map((protocol) => {
      const [form, isBatch] = formOf[protocol];
      const encodingOf = isBatch ? batched : single;
      return [protocol, [encodingOf(form, false, limits), encodingOf(form, true, limits)] as const] as const;
    }),
  );
  return (protocol, isCompressed) => (encodings.get(protocol) as readonly [Encoding, Encoding])[isCompressed ? 1 : 0];
}

function single(form: Form, isCompressed: boolean, limits: FrameLimits): Encoding {
  const framesOf = framing(form, isCompressed, limits);
  const encoder: Encoder<MessageFrames> = { encode: (message) => framesOf(form.message(message)), bytesOf: lengthOf };
  return {
    packer: (frames, bytesFree) => new SinglePacker(encoder, frames, bytesFree),
    reply: (text, numbers) => framesOf(form.reply(text, numbers)),
    canContinue: form.canContinue,
  };
}

/** Several messages share a frame, in which they are a list. */
function batched(form: Form, isCompressed: boolean, limits: FrameLimits): Encoding {
  const framesOf = framing(form, isCompressed, limits);
  const list = form.isText ? JSON_LIST : PROTOBUF_LIST;
  const partOf = isCompressed ? storedBlock : (part: Buffer): Buffer => part;
  const separator = partOf(list.separator);
  const batch: BatchForm = {
    ...{ isText: form.isText, isCompressed, bytesMax: limits.batchBytesMax },
    opening: partOf(list.opening),
    closing: isCompressed ? Buffer.concat([partOf(list.closing), EMPTY_BLOCK_START]) : list.closing,
  };
  const aroundBytes = batch.opening.length + batch.closing.length;
  const encoder: Encoder<BatchItem> = {
    encode: (message) => {
      const content = form.message(message);
      const bytes = list.itemOf(content);
      const item = isCompressed ? deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes;
      if (aroundBytes + item.length > limits.batchBytesMax)
        return { first: EMPTY, next: EMPTY, alone: framesOf(list.of(content)) };
      if (separator.length === 0) return { first: item, next: item, alone: undefined };
      const next = Buffer.allocUnsafeSlow(separator.length + item.length);
      next.set(separator);
      next.set(item, separator.length);
      return { first: next.subarray(separator.length), next, alone: undefined };
    },
    bytesOf: ({ next, alone }) => next.length + (alone === undefined ? 0 : lengthOf(alone)),
  };
  return {
    packer: (frames, bytesFree) => new BatchPacker(encoder, batch, frames, bytesFree),
    reply: (text, numbers) => framesOf(list.of(form.reply(text, numbers))),
    canContinue: form.canContinue,
  };
}

/** Returns the function that makes the frames of a message. */
function framing(
  { isText }: Form,
  mayCompress: boolean,
  { fragmentBytesMax }: FrameLimits,
): (content: Content) => MessageFrames {
  return (content) => {
    if (!mayCompress && typeof content === "string") return textFrames(content, fragmentBytesMax);
    const payload = typeof content === "string" ? Buffer.from(content) : content;
    if (!mayCompress || payload.length < DEFLATED_BYTES_MIN)
      return payloadFrames(payload, { isText, isCompressed: false }, fragmentBytesMax);
    const whole = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
    const compressed = whole.subarray(0, whole.length - FLUSH_END_BYTES);
    return payloadFrames(compressed, { isText, isCompressed: true }, fragmentBytesMax);
  };
}

const EMPTY = Buffer.alloc(0);

/** A list of messages in JSON. */
const JSON_LIST = {
  ...{ opening: Buffer.from("["), separator: Buffer.from(","), closing: Buffer.from("]") },
  itemOf: (content: Content): Buffer => Buffer.from(content as string),
  of: (content: Content): Content => `[${content}]`,
};

/** A `SubscribeBatch`: each message behind the tag of its field and its length. */
const PROTOBUF_LIST = {
  ...{ opening: EMPTY, separator: EMPTY, closing: EMPTY },
  itemOf: (content: Content): Buffer => batchOf(content as Buffer),
  of: (content: Content): Content => batchOf(content as Buffer),
};

/**
 * Bytes as a block of deflate that is not compressed (RFC 1951 section 3.2.4). A compressed message ends at the end of a byte and refers to
 * nothing before it, so blocks and messages that follow each other are one stream.
 */
function storedBlock(bytes: Buffer): Buffer {
  if (bytes.length === 0) return EMPTY;
  const head = Buffer.alloc(5);
  head.writeUInt16LE(bytes.length, 1);
  head.writeUInt16LE(bytes.length ^ 0xffff, 3);
  return Buffer.concat([head, bytes]);
}

/** Start of the empty block that ends a compressed message. The receiver adds the rest of it. */
const EMPTY_BLOCK_START = Buffer.alloc(1);

function protobufForm(): Form {
  const messages = new ChannelMessages();
  return { isText: false, message: (message) => messages.of(message), reply: replyMessage, canContinue: () => true };
}

/**
 * Operations need to know whether a member existed, so the data of each revision that was sent is remembered for a while. A client whose data is
 * forgotten gets a snapshot.
 */
function jsonPatchForm(): Form {
  const bases = new LRUCache<string, { readonly data: JsonObject; readonly bytes: number }>({
    maxSize: BASES_BYTES_MAX,
    sizeCalculation: ({ bytes }) => bytes,
  });
  const keyOf = ({ number }: ChannelHead, epoch: string, rev: number): string => `${number} ${epoch} ${rev}`;
  const message = (shared: SharedMessage): string => {
    const { channel, head, update, content } = shared;
    if (content.kind === "checksum" || content.kind === "swaps") return shared.text();
    const keep = (data: JsonObject, chars: number): void => {
      bases.set(keyOf(head, update.epoch, update.rev), { data, bytes: BYTES_PER_CHAR * (chars + 1) });
    };
    const base = content.kind === "patch" ? bases.get(keyOf(head, update.epoch, content.prevRev))?.data : undefined;
    if (content.kind === "snapshot" || base === undefined) {
      keep(JSON.parse(update.data) as JsonObject, update.data.length);
      return messageText(channel, update, { kind: "snapshot" });
    }
    const { prevRev, patch: text } = content;
    const merge = JSON.parse(text) as JsonObject;
    // The data shares what did not change with the data before.
    keep(applyMergePatch(base, merge) as JsonObject, text.length);
    const patch = JSON.stringify(operationsOf(merge, base));
    return messageText(channel, update, { kind: "patch", prevRev, patch });
  };
  // A look keeps the data for the patch that follows.
  const canContinue = (head: ChannelHead, from: Position): boolean =>
    "seq" in from || bases.get(keyOf(head, from.epoch, from.rev)) !== undefined;
  return { isText: true, message, reply: (text) => text, canContinue };
}
