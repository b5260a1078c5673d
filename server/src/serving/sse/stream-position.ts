/**
 * The position of a whole stream: what a client holds of each channel. It is the `id` of every event, and the client sends the last one back when it
 * connects again. Nothing is kept for it here, so a position is good at any instance.
 *
 *   1.<digest>.<8 characters for each channel>.<epochs, separated by ~>
 *
 * A channel has the number of its epoch in the list (1 character) and its revision (7 characters). All numbers are in the digits of base64url, and of
 * a fixed length, so that an event changes a few bytes of the text that is there. `digest` stands for the channels and options of the request: a
 * position of other ones is ignored.
 */

/** What a client holds of a channel. `number`: the revision, or the number of the last item. */
export type Held = { readonly epoch: string; readonly number: number };

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NUMBER_DIGITS = 7;
const SLOT_CHARS = 1 + NUMBER_DIGITS;
const NUMBER_LIMIT = 64 ** NUMBER_DIGITS;
/** The number of an epoch that says: nothing is held. */
const NO_EPOCH = 63;
const EPOCH_FORM = /^[\w.:-]{1,64}$/;
const SUFFIX = "\n\n";

export class StreamPosition {
  readonly #head: string;
  readonly #channels: number;
  readonly #slotsAt: number;
  #epochs: string[] = [];
  /** The line of an event with the position, and the empty line after it. */
  #line: Buffer;

  /** @param digest see `digestOf`; holds nothing of its `channels` channels yet */
  constructor(digest: string, channels: number) {
    this.#head = `id: 1.${digest}.`;
    this.#channels = channels;
    this.#slotsAt = this.#head.length;
    const none = `${DIGITS[NO_EPOCH]}${"A".repeat(NUMBER_DIGITS)}`;
    this.#line = Buffer.from(`${this.#head}${none.repeat(channels)}.${SUFFIX}`, "latin1");
  }

  /** Notes what the client holds of a channel from now on. What a position cannot express counts as nothing: the client then gets a snapshot. */
  set(channel: number, { epoch, number }: Held): void {
    const isWritable = Number.isSafeInteger(number) && number >= 0 && number < NUMBER_LIMIT;
    // A new epoch makes the line longer, and another buffer.
    const epochNumber = isWritable ? this.#numberOf(epoch, channel) : NO_EPOCH;
    const at = this.#slotsAt + channel * SLOT_CHARS;
    this.#line[at] = DIGITS.charCodeAt(epochNumber);
    let rest = isWritable ? number : 0;
    for (let i = NUMBER_DIGITS; i > 0; i--) {
      this.#line[at + i] = DIGITS.charCodeAt(rest % 64);
      rest = Math.floor(rest / 64);
    }
  }

  /** Returns the last lines of an event, in memory of their own. */
  line(): Buffer {
    return Buffer.from(this.#line);
  }

  /** Returns the number of an epoch in the list, which gets it if it has room. */
  #numberOf(epoch: string, channel: number): number {
    const known = this.#epochs.indexOf(epoch);
    if (known >= 0) return known;
    if (!EPOCH_FORM.test(epoch)) return NO_EPOCH;
    // The numbers of epochs that some channel still has stay as they are.
    const used = new Set(
      Array.from({ length: this.#channels }, (_, i) => (i === channel ? NO_EPOCH : this.#epochAt(i))),
    );
    let free = this.#epochs.findIndex((_, number) => !used.has(number));
    if (free < 0) free = this.#epochs.length;
    if (free === NO_EPOCH) return NO_EPOCH;
    this.#epochs[free] = epoch;
    const slotsEnd = this.#slotsAt + this.#channels * SLOT_CHARS;
    const tail = Buffer.from(`.${this.#epochs.join("~")}${SUFFIX}`, "latin1");
    this.#line = Buffer.concat([this.#line.subarray(0, slotsEnd), tail]);
    return free;
  }

  #epochAt(channel: number): number {
    return DIGITS.indexOf(String.fromCharCode(this.#line[this.#slotsAt + channel * SLOT_CHARS] as number));
  }
}

const FORM = /^1\.([\w-]+)\.([\w-]*)\.([\w.:~-]*)$/;

/** Returns what is held of each channel by a position that a client sent; undefined if it is not one of these channels and options. */
export function parsePosition(text: string, digest: string, channels: number): (Held | undefined)[] | undefined {
  const [, given, slots = "", list = ""] = FORM.exec(text) ?? [];
  if (given !== digest || slots.length !== channels * SLOT_CHARS) return undefined;
  const epochs = list.split("~");
  return Array.from({ length: channels }, (_, channel) => {
    const [epochDigit, ...digits] = slots.slice(channel * SLOT_CHARS, (channel + 1) * SLOT_CHARS);
    const epoch = epochs[DIGITS.indexOf(epochDigit as string)];
    if (epoch === undefined || !EPOCH_FORM.test(epoch)) return undefined;
    return { epoch, number: digits.reduce((sum, digit) => sum * 64 + DIGITS.indexOf(digit), 0) };
  });
}
