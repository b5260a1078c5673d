/** One connection to a feed: its messages wait in a bounded queue, and while the queue is full the connection is not read. */
import { WebSocket } from "ws";
import type { FeederConfig } from "../../../config/build/ingest.ts";

export type WebSocketSettings = FeederConfig<"websocket">;

/** Memory of waiting messages. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

export class FeedConnection {
  readonly #socket: WebSocket;
  readonly #settings: WebSocketSettings;
  readonly #onChange: () => void;
  #queue: Buffer[] = [];
  #queueBytes = 0;
  #ping: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;
  /** Pings that asked for the end, and the last one of them that was answered. */
  #asked = 0;
  #answered = 0;
  wasOpen = false;
  /** Why the connection ended. Undefined: it is open, or is being opened. */
  ended: string | undefined;

  /** `messages` are sent when it is open. `onChange` is called for each message and at the end. */
  constructor(settings: WebSocketSettings, messages: readonly string[], onChange: () => void) {
    const { url, headers = {}, timeoutMs, messageBytesMax } = settings;
    this.#settings = settings;
    this.#onChange = onChange;
    const options = { headers, handshakeTimeout: timeoutMs, maxPayload: messageBytesMax, followRedirects: false };
    const socket = new WebSocket(url, options);
    this.#socket = socket;
    socket.on("open", () => this.#open(messages));
    socket.on("message", (data) => this.#receive(data as Buffer));
    socket.on("ping", () => this.#heard());
    socket.on("pong", (data) => this.#hearAnswer(data));
    socket.on("error", (error) => this.#end(error.message));
    socket.on("close", (code) => this.#end(`it was closed with code ${code}`));
  }

  get isOpen(): boolean {
    return this.wasOpen && this.ended === undefined;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Asks the feed for its present end with a ping, which it answers behind its messages. The function that is returned says whether
   * everything has arrived that the feed had sent before. It says nothing of what the feed sends later: ask again then.
   */
  askForEnd(): () => boolean {
    const number = ++this.#asked;
    this.#socket.ping(endPing(number));
    return () => this.#answered >= number;
  }

  /** Takes the oldest messages out of the queue, up to these limits; at least one if there is any. */
  take(countMax: number, bytesMax: number): readonly Buffer[] {
    let bytes = 0;
    const end = this.#queue.findIndex((message, index) => {
      bytes += message.length;
      return index > 0 && (index === countMax || bytes > bytesMax);
    });
    const taken = end === -1 ? this.#queue : this.#queue.slice(0, end);
    this.#queue = end === -1 ? [] : this.#queue.slice(end);
    this.#queueBytes -= taken.reduce((sum, { length }) => sum + length, 0);
    if (this.#socket.isPaused && !this.#isFull) {
      this.#socket.resume();
      this.#heard();
    }
    return taken;
  }

  close(): void {
    this.#end("it is closed");
  }

  get #isFull(): boolean {
    return this.#queue.length >= this.#settings.queueMax || this.#queueBytes >= QUEUE_BYTES_MAX;
  }

  #open(messages: readonly string[]): void {
    const { kind, text, everyMs } = this.#settings.ping;
    this.wasOpen = true;
    for (const message of messages) this.#socket.send(message);
    this.#ping = setInterval(() => {
      if (kind === "frame") this.#socket.ping();
      else this.#socket.send(text);
    }, everyMs);
    this.#heard();
    this.#onChange();
  }

  #receive(data: Buffer): void {
    if (this.ended !== undefined) return;
    this.#queue.push(data);
    this.#queueBytes += data.length;
    this.#heard();
    if (this.#isFull) {
      // Not reading is the backpressure. Silence means nothing meanwhile.
      this.#socket.pause();
      clearTimeout(this.#silence);
    }
    this.#onChange();
  }

  #hearAnswer(data: Buffer): void {
    this.#heard();
    // A feed may answer only the last of several pings.
    if (!data.equals(endPing(this.#asked))) return;
    this.#answered = this.#asked;
    this.#onChange();
  }

  #heard(): void {
    clearTimeout(this.#silence);
    const { silenceMs } = this.#settings;
    if (this.ended === undefined && !this.#socket.isPaused) {
      this.#silence = setTimeout(() => this.#end(`nothing arrived for ${silenceMs} ms`), silenceMs);
    }
  }

  #end(why: string): void {
    if (this.ended !== undefined) return;
    this.ended = why;
    clearInterval(this.#ping);
    clearTimeout(this.#silence);
    // A socket that is ended while it connects reports an error of its own.
    this.#socket.terminate();
    this.#onChange();
  }
}

/** Payload of a ping that asks for the end. It differs each time, so that a late answer to an older one is recognised. */
function endPing(number: number): Buffer {
  return Buffer.from(`end ${number}`);
}
