/**
 * Put messages of channels into frames for one write to a client: each message into frames of its own, or several into one frame. All clients of
 * an encoding share the bytes of a message in both. A frame of several messages consists of them and of the few bytes between and around
 * them; they become adjacent when the write buffer copies them.
 */
import type { Encoder, Reply, SharedMessage } from "../live/shared-message.ts";
import { headOf, type MessageFrames, type Payload, SHORT_HEADER_BYTES } from "./frames.ts";

export type Packer = {
  /** Takes a message if it fits. */
  readonly offer: (message: SharedMessage) => Reply;
  /** Ends the last frame. Returns the message of which only the first frame was taken; undefined if there is none. */
  end(): MessageFrames | undefined;
};

/** Each message has frames of its own. */
export class SinglePacker implements Packer {
  readonly #encoder: Encoder<MessageFrames>;
  readonly #frames: Buffer[];
  #bytesFree: number;
  #begun: MessageFrames | undefined;

  /** Appends to `frames`, `bytesFree` at most. */
  constructor(encoder: Encoder<MessageFrames>, frames: Buffer[], bytesFree: number) {
    this.#encoder = encoder;
    this.#frames = frames;
    this.#bytesFree = bytesFree;
  }

  readonly offer = (message: SharedMessage): Reply => {
    const encoded = message.encodedBy(this.#encoder);
    const first = encoded[0] as Buffer;
    this.#bytesFree -= first.length;
    if (this.#bytesFree < 0) return "full";
    this.#frames.push(first);
    if (encoded.length === 1) return "taken";
    this.#begun = encoded;
    return "last";
  };

  end(): MessageFrames | undefined {
    return this.#begun;
  }
}

/** A message as an item of a list. */
export type BatchItem = {
  /** The item if it is the first of its list, and if it follows another. */
  readonly first: Buffer;
  readonly next: Buffer;
  /** A message that is too long to share a frame: the frames of a list with this item alone. */
  readonly alone: MessageFrames | undefined;
};

/** Bytes around the items of a list. */
export type BatchForm = Payload & {
  readonly opening: Buffer;
  readonly closing: Buffer;
  /** Bytes of a frame's payload, at most. */
  readonly bytesMax: number;
};

/** Messages share frames. */
export class BatchPacker implements Packer {
  readonly #encoder: Encoder<BatchItem>;
  readonly #form: BatchForm;
  readonly #frames: Buffer[];
  #bytesFree: number;
  /** Place of the open frame's head, and the bytes of its payload; 0: no frame is open. */
  #headAt = 0;
  #payloadBytes = 0;
  #begun: MessageFrames | undefined;

  /** Appends to `frames`, `bytesFree` at most. */
  constructor(encoder: Encoder<BatchItem>, form: BatchForm, frames: Buffer[], bytesFree: number) {
    this.#encoder = encoder;
    this.#form = form;
    this.#frames = frames;
    this.#bytesFree = bytesFree;
  }

  readonly offer = (message: SharedMessage): Reply => {
    const item = message.encodedBy(this.#encoder);
    if (item.alone !== undefined) return this.#offerAlone(item.alone);
    if (this.#payloadBytes + item.next.length > this.#form.bytesMax) this.#close();
    return this.#payloadBytes === 0 ? this.#offerFirst(item.first) : this.#offerNext(item.next);
  };

  end(): MessageFrames | undefined {
    this.#close();
    return this.#begun;
  }

  #offerAlone(frames: MessageFrames): Reply {
    this.#close();
    const first = frames[0] as Buffer;
    if (first.length > this.#bytesFree) return "full";
    this.#bytesFree -= first.length;
    this.#frames.push(first);
    if (frames.length === 1) return "taken";
    this.#begun = frames;
    return "last";
  }

  #offerFirst(item: Buffer): Reply {
    const { opening, closing } = this.#form;
    const around = opening.length + closing.length;
    if (SHORT_HEADER_BYTES + around + item.length > this.#bytesFree) return "full";
    this.#bytesFree -= SHORT_HEADER_BYTES + around + item.length;
    this.#payloadBytes = around + item.length;
    this.#headAt = this.#frames.length;
    // The head comes here when the length is known.
    this.#frames.push(opening, item);
    return "taken";
  }

  #offerNext(item: Buffer): Reply {
    if (item.length > this.#bytesFree) return "full";
    this.#bytesFree -= item.length;
    this.#payloadBytes += item.length;
    this.#frames.push(item);
    return "taken";
  }

  #close(): void {
    if (this.#payloadBytes === 0) return;
    const { opening, closing } = this.#form;
    this.#frames[this.#headAt] = headOf(opening, this.#payloadBytes, this.#form);
    if (closing.length > 0) this.#frames.push(closing);
    this.#payloadBytes = 0;
  }
}
