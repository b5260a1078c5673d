/** One GET request to a schema registry at a time limit, with authentication, and with a response of limited size. It follows no redirects. */
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";

/** Bytes of one response. */
export const RESPONSE_BYTES_MAX = 4 * 1024 * 1024;
const CONNECTIONS_MAX = 4;
const ACCEPTED = "application/vnd.schemaregistry.v1+json, application/json";

export type RegistrySettings = {
  /** Base address: `https://registry.example:8081`, with a path if the registry has one. */
  readonly url: string;
  /** Basic authentication, with `password`. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Bearer token, instead of basic authentication. */
  readonly token: string | undefined;
  /** Certificate authority in PEM form. Undefined: those that Node knows. */
  readonly ca: string | undefined;
};

export type RegistryResponse = { readonly status: number; readonly body: Buffer };

export class RegistryHttp {
  /** The address without secrets, for messages. */
  readonly where: string;
  readonly #base: string;
  readonly #isTls: boolean;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: PlainAgent;
  readonly #requestMs: number;

  constructor(settings: RegistrySettings, requestMs: number) {
    const url = URL.canParse(settings.url) ? new URL(settings.url) : undefined;
    if (
      url === undefined ||
      !/^https?:$/.test(url.protocol) ||
      url.username !== "" ||
      url.search !== "" ||
      url.hash !== ""
    ) {
      const message = `The address of the schema registry must be http://HOST:PORT or https://HOST:PORT, without a name, a password or a query; it is ${printableCut(settings.url)}.`;
      throw new SwapstatsError("bad_config", message);
    }
    this.#isTls = url.protocol === "https:";
    this.#base = url.href.replace(/\/+$/, "");
    this.where = this.#base;
    this.#headers = headersOf(settings);
    const options = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
    this.#agent = this.#isTls
      ? new TlsAgent(settings.ca === undefined ? options : { ...options, ca: settings.ca })
      : new PlainAgent(options);
    this.#requestMs = requestMs;
  }

  /** Rejects with an error whose message completes "the registry does not respond: ", also when the time is over. */
  get(path: string): Promise<RegistryResponse> {
    return new Promise((resolve, reject) => {
      const send = this.#isTls ? tlsRequest : plainRequest;
      // The time limit is that of the whole exchange, so a response of one byte a second ends as well.
      const signal = AbortSignal.timeout(this.#requestMs);
      const failed = (error: Error): void => {
        reject(signal.aborted ? new Error(`no whole response within ${this.#requestMs} ms`) : error);
      };
      const options = { agent: this.#agent, headers: this.#headers, signal };
      const sent = send(this.#base + path, options, (response) => {
        readBody(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), failed);
      });
      sent.on("error", failed);
      sent.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function headersOf({ username, password, token }: RegistrySettings): Record<string, string> {
  const headers: Record<string, string> = { accept: ACCEPTED, "accept-encoding": "identity" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  else if (username !== undefined) {
    headers.authorization = `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`;
  }
  return headers;
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop destroys the connection.
    if (bytes > RESPONSE_BYTES_MAX) throw new Error(`the response is larger than ${RESPONSE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
