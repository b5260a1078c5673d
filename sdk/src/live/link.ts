/** One connection to the service with its channels: does what the states of link-state.ts say, with the timers and the transport that they need. */
import { ClientError } from "../client-error.ts";
import type { TokenSource } from "../token-source.ts";
import type { TransportOption } from "../types.ts";
import type { ServerMessage } from "../wire/server-messages.ts";
import { closeCodes } from "../wire/websocket.ts";
import { isAboutChannels, LinkChannels } from "./link-channels.ts";
import { initialLink, type LinkEvent, type LinkState, nextLink, type Phase, type TransportKind } from "./link-state.ts";
import type { Replay } from "./replay.ts";
import type { Subscription } from "./subscription.ts";
import type { Transport, TransportEvents } from "./transport.ts";

/** What all connections of a client have in common. */
export type LinkContext = {
  readonly tokens: TokenSource;
  readonly transport: TransportOption;
  /** `ticket`: stands for the credentials in the address. */
  readonly openWebSocket: (ticket: string | undefined, events: TransportEvents) => Transport;
  /** Resolves with a ticket. Rejects with ClientError. */
  readonly ticket: (signal: AbortSignal) => Promise<string>;
  /** Opens a stream of these channels. */
  readonly openEvents: (token: string | undefined, channels: readonly object[], events: TransportEvents) => Transport;
  /** Connections are sessions of the past, which end. Undefined: the market is live. */
  readonly replay: Replay | undefined;
  readonly random: () => number;
  readonly isHidden: () => boolean;
  /** `text`: of the message, if there is one of it alone. */
  readonly onFrame: (direction: "in" | "out", message: unknown, text: string | undefined) => void;
  /** Called when the state of the connection may have changed. */
  readonly onChange: () => void;
  /** Called for a subscription that another connection has to take. */
  readonly onMoved: (subscription: Subscription, link: Link) => void;
};

/** Requests are collected for this long. A new stream of events is opened after the longer time. */
const COLLECT_MS = 20;
const COLLECT_STREAM_MS = 100;
/** Time for a connection to open. */
const OPEN_TIME_MS = 10_000;
/** The service says something at least every 15 seconds. */
const SILENCE_MAX_MS = 35_000;
/** Time for the response to a pause. */
const ANSWER_TIME_MS = 10_000;
const SWEEP_MS = 1_000;
/** After this long hidden the connection is closed. */
const HIDDEN_MAX_MS = 300_000;
/** A connection without channels is kept for this long, because a page often closes some channels before it opens others. */
const UNUSED_MS = 10_000;
const UNAUTHORIZED = 401;

type Timer = ReturnType<typeof setTimeout>;

export class Link {
  readonly #context: LinkContext;
  readonly #channels = new LinkChannels();
  #state: LinkState;
  #transport: Transport | undefined;
  /** Aborted at the end of the connection, so that nothing that it began goes on. */
  #abort = new AbortController();
  /** Of the phase: of opening, waiting, or being hidden. */
  #phaseTimer: Timer | undefined;
  #sweepTimer: Timer | undefined;
  #flushTimer: Timer | undefined;
  #unusedTimer: Timer | undefined;
  #openedAtMs = 0;
  #heardAtMs = 0;
  #reconnectAfterMs: number | undefined;
  /** Of the present connection. */
  #token: string | undefined;
  #isPaused = false;
  /** Id of the request to pause or to go on, while its response is awaited. */
  #pausedId: string | undefined;
  #nextId = 1;
  #isClosed = false;
  /** Why the session of the past has ended. No other connection is opened then. */
  #end: ClientError | undefined;

  constructor(context: LinkContext) {
    this.#context = context;
    this.#state = initialLink(context.transport === "sse" ? "sse" : "websocket");
  }

  get subscriptions(): ReadonlySet<Subscription> {
    return this.#channels.subscriptions;
  }

  get transport(): TransportKind {
    return this.#state.transport;
  }

  get phase(): Phase {
    return this.#state.phase;
  }

  /** Whether trying failed more often than a single end of a connection explains. */
  get isFailing(): boolean {
    return !this.#state.isEmpty && this.phase !== "open" && this.#state.failures > (this.#state.hasOpened ? 1 : 0);
  }

  get isLive(): boolean {
    const { isReplaced, isEmpty } = this.#state;
    const isConnected = this.phase === "open" || isReplaced || isEmpty;
    return isConnected && !this.#isPaused && this.#pausedId === undefined;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Whether it tries to connect for the first time. */
  get isFirst(): boolean {
    return this.phase === "opening" && !this.#state.hasOpened;
  }

  add(subscription: Subscription): void {
    this.#channels.subscriptions.add(subscription);
    if (this.#end !== undefined) {
      subscription.refuse(this.#end, true);
      return;
    }
    clearTimeout(this.#unusedTimer);
    this.#unusedTimer = undefined;
    this.#step({ type: "wanted" });
    this.#flushSoon();
  }

  /** Removes a subscription. The channel is unsubscribed if it was the last of it. */
  remove(subscription: Subscription): void {
    this.#channels.remove(subscription);
    if (this.#isClosed) return;
    this.#flushSoon();
    if (this.subscriptions.size > 0) return;
    this.#unusedTimer ??= setTimeout(() => this.#step({ type: "unwanted" }), UNUSED_MS);
  }

  /** The page was hidden or shown, or the network came back. */
  pageChanged(type: "hidden" | "shown" | "online"): void {
    if (type === "hidden") this.#hide();
    else {
      this.#step({ type });
      if (type === "shown") this.#pause(false);
    }
  }

  /** Releases everything. */
  close(): void {
    this.#step({ type: "unwanted" });
    this.#isClosed = true;
    clearTimeout(this.#unusedTimer);
    clearTimeout(this.#phaseTimer);
    clearTimeout(this.#flushTimer);
    this.#channels.subscriptions.clear();
  }

  #step(event: LinkEvent): void {
    const before = this.#state;
    const isAuto = this.#context.transport === "auto";
    this.#state = nextLink(before, event, isAuto, this.#context.random());
    if (this.#state === before || this.#isClosed) return;
    clearTimeout(this.#phaseTimer);
    this.#phaseTimer = undefined;
    if (this.phase !== "open") this.#release(this.#state.isReplaced);
    if (this.phase === "opening") this.#open();
    else if (this.phase === "open") this.#opened();
    else if (this.phase === "waiting") {
      this.#phaseTimer = setTimeout(() => this.#step({ type: "due" }), this.#state.delayMs);
    }
    this.#context.onChange();
  }

  /** Ends the connection, if there is one. `isReplaced`: the next one continues, so what stores show is not out of date. */
  #release(isReplaced: boolean): void {
    this.#abort.abort();
    this.#transport?.close();
    this.#transport = undefined;
    clearInterval(this.#sweepTimer);
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    this.#pausedId = undefined;
    this.#isPaused = false;
    if (!isReplaced) this.#channels.disconnected();
  }

  #open(): void {
    const abort = new AbortController();
    this.#abort = abort;
    this.#phaseTimer = setTimeout(() => this.#lose(0, undefined), OPEN_TIME_MS);
    this.#connect(abort.signal).catch((error: unknown) => {
      if (!abort.signal.aborted) this.#lose(0, error instanceof ClientError ? error : undefined);
    });
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { tokens, openWebSocket, openEvents, ticket, onFrame, onMoved } = this.#context;
    const token = await tokens.current();
    if (signal.aborted) return;
    this.#token = token;
    const events = this.#eventsFor(signal);
    if (this.transport === "websocket") {
      const pass = token === undefined ? undefined : await ticket(signal);
      if (!signal.aborted) this.#transport = openWebSocket(pass, events);
      return;
    }
    const { channels, left } = this.#channels.stream(Date.now());
    const message = { subscribe: channels };
    onFrame("out", message, JSON.stringify(message));
    this.#transport = openEvents(token, channels, events);
    for (const subscription of left) onMoved(subscription, this);
  }

  /** Events of an earlier connection have no effect. */
  #eventsFor(signal: AbortSignal): TransportEvents {
    const guard =
      <A extends unknown[]>(handle: (...args: A) => void) =>
      (...args: A): void => {
        if (!signal.aborted) handle(...args);
      };
    return {
      onOpen: guard(() => this.#step({ type: "opened" })),
      onText: guard((text) => this.#onText(text)),
      onAlive: guard(() => {
        this.#heardAtMs = Date.now();
      }),
      onLost: guard((code, error) => this.#lose(code, error)),
    };
  }

  #opened(): void {
    this.#openedAtMs = Date.now();
    this.#heardAtMs = this.#openedAtMs;
    this.#reconnectAfterMs = undefined;
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_MS);
    if (this.transport === "websocket") this.#channels.connected();
    if (this.#context.isHidden()) this.#hide();
    this.#flush();
  }

  /** `code`: of the close frame. `error`: what the service said. */
  #lose(code: number, error: ClientError | undefined): void {
    const { tokens } = this.#context;
    const isUnauthorized = error?.status === UNAUTHORIZED || code === closeCodes.unauthorized;
    if (isUnauthorized) tokens.refused(this.#token);
    const loss = {
      code,
      retryAfterMs: this.#reconnectAfterMs ?? error?.retryAfterMs,
      isRefusal: error?.status !== undefined,
      isEmpty: error?.status !== undefined && isAboutChannels(error.code),
      openMs: this.phase === "open" ? Date.now() - this.#openedAtMs : 0,
    };
    this.#reconnectAfterMs = undefined;
    this.#step({ type: "lost", loss });
    // The first refusal may be that of a token that was too old.
    const mayPass = isUnauthorized && tokens.renews && this.#state.failures <= 1;
    if (error !== undefined) this.#channels.disconnected(error, mayPass);
  }

  #onText(text: string): void {
    this.#heardAtMs = Date.now();
    let parsed: ServerMessage | ServerMessage[];
    try {
      parsed = JSON.parse(text) as typeof parsed;
    } catch {
      this.#lose(0, undefined);
      return;
    }
    const { signal } = this.#abort;
    if (!Array.isArray(parsed)) this.#onMessage(parsed, text);
    // One of a list may end the connection.
    else for (const message of parsed) if (!signal.aborted) this.#onMessage(message, undefined);
    if (this.#channels.hasNews) this.#flushSoon();
  }

  /** `text`: of the message, if it came alone. */
  #onMessage(message: ServerMessage, text: string | undefined): void {
    this.#context.replay?.note(message);
    this.#context.onFrame("in", message, text);
    this.#take(message, this.#heardAtMs);
  }

  #take(message: ServerMessage, nowMs: number): void {
    switch (message.type) {
      case "subscribed":
        for (const subscription of this.#channels.opened(message)) this.#context.onMoved(subscription, this);
        break;
      case "snapshot":
      case "patch":
      case "swaps":
        this.#channels.deliver(message, nowMs);
        break;
      case "heartbeat":
        if ("crc32" in message) this.#channels.deliver(message, nowMs);
        break;
      case "error":
        this.#channels.failed(message, nowMs);
        break;
      case "shutdown":
        this.#reconnectAfterMs = message.reconnect_after_ms;
        break;
      case "replay":
        if (message.state === "ended") this.#finish(message.message ?? "The session of the past has ended.");
        break;
      case "auth_expiring":
        void this.#renew();
        break;
      case "paused":
        if (message.id !== this.#pausedId) break;
        this.#pausedId = undefined;
        this.#context.onChange();
    }
  }

  #finish(why: string): void {
    this.#end = new ClientError("replay_ended", why);
    this.#step({ type: "unwanted" });
    this.#channels.disconnected(this.#end);
    this.#context.onChange();
  }

  /** Shows the service another token before the present one expires. If that fails, the service ends the connection. */
  async #renew(): Promise<void> {
    const { tokens } = this.#context;
    const { signal } = this.#abort;
    if (!tokens.renews) return;
    tokens.refused(this.#token);
    const token = await tokens.current().catch(() => undefined);
    if (token === undefined || signal.aborted) return;
    this.#token = token;
    if (this.transport === "sse") this.#step({ type: "changed" });
    else this.#send({ id: `a${this.#nextId++}`, auth: token });
  }

  /** Nobody looks at the page: nothing is sent until it is shown. */
  #hide(): void {
    if (this.phase !== "open") return;
    if (this.transport === "sse") {
      this.#step({ type: "slept" });
      return;
    }
    this.#pause(true);
    this.#phaseTimer ??= setTimeout(() => this.#step({ type: "slept" }), HIDDEN_MAX_MS);
  }

  #pause(isPaused: boolean): void {
    if (this.phase !== "open" || isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (!isPaused) {
      clearTimeout(this.#phaseTimer);
      this.#phaseTimer = undefined;
    }
    this.#pausedId = `p${this.#nextId++}`;
    this.#heardAtMs = Date.now();
    this.#send({ id: this.#pausedId, pause: isPaused });
    this.#context.onChange();
  }

  #flushSoon(): void {
    if (this.phase !== "open") return;
    const delayMs = this.transport === "sse" ? COLLECT_STREAM_MS : COLLECT_MS;
    this.#flushTimer ??= setTimeout(() => this.#flush(), delayMs);
  }

  /** Tells the service what is due: by requests, or by another stream of events. */
  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.phase !== "open") return;
    const nowMs = Date.now();
    if (this.transport === "websocket") for (const message of this.#channels.requests(nowMs)) this.#send(message);
    else if (this.subscriptions.size > 0 && this.#channels.needsStream(nowMs)) this.#step({ type: "changed" });
  }

  #send(message: { readonly auth?: string; readonly [member: string]: unknown }): void {
    const text = JSON.stringify(message);
    const shown = message.auth === undefined ? message : { ...message, auth: "..." };
    this.#context.onFrame("out", shown, shown === message ? text : JSON.stringify(shown));
    this.#transport?.send(text);
  }

  /** Called once a second: looks for silence, and for what is due. */
  #sweep(): void {
    const nowMs = Date.now();
    const silentMs = nowMs - this.#heardAtMs;
    const isUnanswered = this.#pausedId !== undefined && silentMs > ANSWER_TIME_MS;
    if (isUnanswered || (silentMs > SILENCE_MAX_MS && !this.#isPaused)) {
      this.#lose(0, undefined);
      return;
    }
    this.#channels.sweep(nowMs, this.#isPaused);
    this.#flush();
  }
}
