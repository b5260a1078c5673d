/** A WebSocket that a test accepts, feeds and ends. The clock of these tests stands still, which no real connection can. */
import type { TestContext } from "node:test";

type Message = { readonly [member: string]: unknown };

export class StandInSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static made: StandInSocket[] = [];
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: Message[] = [];
  readyState = 0;
  closedWith: number | undefined;
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: string }) => void) | undefined;
  onerror: (() => void) | undefined;
  onclose: ((event: { code: number }) => void) | undefined;

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
    StandInSocket.made.push(this);
  }

  /** The newest one. */
  static get last(): StandInSocket {
    return StandInSocket.made.at(-1) as StandInSocket;
  }

  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  receive(message: object | string): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  end(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Message);
  }

  close(code: number): void {
    this.readyState = 3;
    this.closedWith = code;
  }

  /** Answers the last request that opens channels: each with a snapshot. */
  answer(rev = 1, data: object = { n: rev }): void {
    const request = this.sent.findLast((message) => "subscribe" in message || "resume" in message) as Message;
    const list = (request.subscribe ?? request.resume) as { channel: string }[];
    const names = Object.fromEntries(list.map(({ channel }) => [channel, canonicalOf(channel)]));
    this.receive({ type: "subscribed", id: request.id, channels: Object.values(names), names, windows: {} });
    for (const channel of Object.values(names)) this.receive(snapshot(channel, rev, data));
  }
}

const STEP_MS = 100;

const canonicalOf = (channel: string): string => channel.replace(/^token:(?!1:).*/, "token:1:0xa");

export const snapshot = (channel: string, rev: number, data: object, epoch = "e"): object => ({
  ...{ type: "snapshot", channel, epoch, rev, as_of: rev, lag_ms: 0 },
  data,
});

/** Stops the clock, and returns a function that lets time pass. */
export function stopClock(t: TestContext): (ms: number) => Promise<void> {
  StandInSocket.made = [];
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_700_000_000_000 });
  t.mock.method(Math, "random", () => 0);
  return async (ms) => {
    await settled();
    // In short steps, so that what a timer starts can happen before the next.
    for (let left = ms; left > 0; left -= STEP_MS) {
      t.mock.timers.tick(Math.min(left, STEP_MS));
      await settled();
    }
  };
}

/** Resolves when everything that waits for promises alone has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
