/** Hands messages to those who inspect a client. Costs nothing while nobody does. */

import type { Frame } from "../types.ts";
import { callListeners } from "./call-listeners.ts";

const TEXT_MAX = 65_536;
const ACTIONS = ["subscribe", "unsubscribe", "resume", "set", "pause", "auth"];

type Members = { readonly [name: string]: unknown };

export class Frames {
  readonly #listeners = new Set<(frame: Frame) => void>();

  listen(listener: (frame: Frame) => void): () => void {
    // The same function can be given twice.
    const call = (frame: Frame): void => listener(frame);
    this.#listeners.add(call);
    return () => void this.#listeners.delete(call);
  }

  close(): void {
    this.#listeners.clear();
  }

  /** `text`: of the message, if there is one of it alone. */
  add(direction: Frame["direction"], message: unknown, given: string | undefined): void {
    if (this.#listeners.size === 0) return;
    const text = given ?? JSON.stringify(message);
    const { type, channel, rev, seq } = message as Members;
    const frame: Frame = {
      direction,
      atMs: Date.now(),
      bytes: new TextEncoder().encode(text).length,
      channel: typeof channel === "string" ? channel : undefined,
      kind: typeof type === "string" ? type : (ACTIONS.find((name) => Object.hasOwn(Object(message), name)) ?? "other"),
      rev: typeof rev === "number" ? rev : typeof seq === "number" ? seq : undefined,
      text: text.slice(0, TEXT_MAX),
      message,
    };
    callListeners(this.#listeners, frame);
  }
}
