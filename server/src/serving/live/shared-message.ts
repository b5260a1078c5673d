/**
 * A message of a channel, made once for all clients that need it. A door encodes it once by its own encoder; the encoded form stays with the
 * message, so that all clients of the door share the same bytes. The text is made on demand and is not kept.
 */
import type { ChannelUpdate } from "../../ports/stats-bus.ts";
import type { ChannelHead } from "./channel-head.ts";
import { type MessageContent, messageText } from "./messages.ts";

/** How a door turns a message into the bytes that it writes. One encoder serves all clients of a door with the same encoding. */
export type Encoder<Form> = {
  encode(message: SharedMessage): Form;
  /** Bytes of memory that the form takes. */
  bytesOf(form: Form): number;
};

/**
 * A door's reply to a message that it is offered: `taken`; `last`, which means taken, and that the door wants no other message now; or
 * `full`, which means that the message was not taken and is offered again later.
 */
export type Reply = "taken" | "last" | "full";

export class SharedMessage {
  readonly head: ChannelHead;
  readonly update: ChannelUpdate;
  readonly content: MessageContent;
  /**
   * The first encoder, which is nearly always the only one, and its form. With a list of all encoders a message costs 5 ns more for each client, of
   * the 40 that it takes to choose and encode it.
   */
  #encoder: object | undefined;
  #form: unknown;
  #others: Map<object, unknown> | undefined;
  readonly #onEncoded: (update: ChannelUpdate, bytes: number) => void;

  /** `onEncoded` is called with the bytes of each form that is kept here. */
  constructor(
    head: ChannelHead,
    update: ChannelUpdate,
    content: MessageContent,
    onEncoded: (update: ChannelUpdate, bytes: number) => void,
  ) {
    this.head = head;
    this.update = update;
    this.content = content;
    this.#onEncoded = onEncoded;
  }

  /** Canonical name of the channel. */
  get channel(): string {
    return this.head.channel;
  }

  /** Returns the JSON text of the message. Each call creates it again. */
  text(): string {
    return messageText(this.channel, this.update, this.content);
  }

  /** Returns the message as the encoder encodes it. Always the same object for the same encoder. */
  encodedBy<Form>(encoder: Encoder<Form>): Form {
    if (this.#encoder === encoder) return this.#form as Form;
    return this.#encodedByOther(encoder);
  }

  #encodedByOther<Form>(encoder: Encoder<Form>): Form {
    const known = this.#others?.get(encoder);
    if (known !== undefined) return known as Form;
    const form = encoder.encode(this);
    if (this.#encoder === undefined) {
      this.#encoder = encoder;
      this.#form = form;
    } else {
      this.#others ??= new Map();
      this.#others.set(encoder, form);
    }
    this.#onEncoded(this.update, encoder.bytesOf(form));
    return form;
  }
}
