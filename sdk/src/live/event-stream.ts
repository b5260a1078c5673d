/** Opens a stream of server-sent events as a transport. It is read by fetch, which can send credentials in a header and exists in Node. */
import { ClientError } from "../client-error.ts";
import { errorOf } from "../http-messages.ts";
import type { Transport, TransportEvents } from "./transport.ts";

const STREAM_TYPE = "text/event-stream";
/** Characters of an event, above any that the service sends. */
const EVENT_CHARS_MAX = 64 * 2 ** 20;

/** Opens `url`. `token`: the credentials, undefined without them. */
export function openEventStream(
  url: string,
  token: string | undefined,
  fetchIt: typeof fetch,
  events: TransportEvents,
): Transport {
  const abort = new AbortController();
  const { signal } = abort;
  const headers = { accept: STREAM_TYPE, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  void readEvents(() => fetchIt(url, { headers, signal, cache: "no-store" }), events).then(
    (error) => {
      if (!signal.aborted) events.onLost(0, error);
      // Frees a body that was not read to its end.
      abort.abort();
    },
    () => {
      if (!signal.aborted) events.onLost(0, undefined);
      abort.abort();
    },
  );
  return { send: () => {}, close: () => abort.abort() };
}

/** Resolves when the stream ends, with the service's refusal if it was none. */
async function readEvents(request: () => Promise<Response>, events: TransportEvents): Promise<ClientError | undefined> {
  const response = await request();
  if (!response.ok) return errorOf(response, await response.text(), Date.now());
  if (response.body === null || !(response.headers.get("content-type") ?? "").startsWith(STREAM_TYPE)) {
    const text = `${response.url} responded with something other than events. A proxy may have responded in place of the service.`;
    return new ClientError("bad_response", text);
  }
  events.onOpen();
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return undefined;
    events.onAlive();
    for (const text of parser.push(decoder.decode(value, { stream: true }))) events.onText(text);
    if (parser.waitingChars > EVENT_CHARS_MAX)
      return new ClientError("bad_response", "An event of the stream is too long.");
  }
}

/** Cuts the text of a stream into the data of its events. The type of an event is in its data too. */
export class EventParser {
  /** Parts of a line that has not ended. */
  #rest: string[] = [];
  #data: string[] = [];
  #chars = 0;

  get waitingChars(): number {
    return this.#chars;
  }

  /** Returns the data of the events that the text completes. */
  push(text: string): string[] {
    const complete: string[] = [];
    const lines = text.split("\n");
    const last = lines.pop() as string;
    for (const end of lines) {
      this.#rest.push(end);
      const line = this.#rest.join("").replace(/\r$/, "");
      this.#rest = [];
      if (line.startsWith("data:")) this.#data.push(line.slice(line[5] === " " ? 6 : 5));
      else if (line === "") {
        if (this.#data.length > 0) complete.push(this.#data.join("\n"));
        this.#data = [];
        this.#chars = 0;
      }
    }
    this.#rest.push(last);
    this.#chars += text.length;
    return complete;
  }
}
