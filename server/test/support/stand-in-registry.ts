/**
 * A stand-in for a schema registry. Confluent's registry, Karapace and Apicurio are services over a broker or a database, and Redpanda's is
 * a part of a broker that is distributed as an image; none of them can be installed from the registries that the tests use. This one serves
 * the two requests that the client sends, with the responses and error codes of Confluent's documentation, and can respond wrongly. It
 * proves nothing about the servers themselves.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

type Reference = { readonly name: string; readonly subject: string; readonly version: number };
type Definition = {
  readonly schema: string;
  /** Left out of responses for Avro, as by Confluent's registry. */
  readonly schemaType?: "AVRO" | "PROTOBUF" | "JSON";
  readonly references?: readonly Reference[];
};
type Respond = (request: IncomingMessage, response: ServerResponse) => void;

export class StandInRegistry implements AsyncDisposable {
  /** Paths of all requests. */
  readonly requests: string[] = [];
  /** Responds in place of the registry until it is undefined again. */
  respond: Respond | undefined;
  /** The value of the header that requests must have. */
  authorization: string | undefined;
  readonly #byId = new Map<number, Definition>();
  readonly #bySubject = new Map<string, Definition[]>();
  readonly #server: Server;
  readonly #scheme: string;
  #port = 0;

  private constructor(tls: { readonly cert: Buffer; readonly key: Buffer } | undefined) {
    const serve: Respond = (request, response) => this.#serve(request, response);
    this.#server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
    this.#scheme = tls === undefined ? "http" : "https";
  }

  static async start(tls?: { readonly cert: Buffer; readonly key: Buffer }): Promise<StandInRegistry> {
    const registry = new StandInRegistry(tls);
    await registry.listen();
    return registry;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#port}`;
  }

  /** Listens on the port that it had before, if it had one. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening, and cuts all connections. */
  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Adds a version of a subject, under this id. */
  register(id: number, subject: string, definition: Definition): void {
    this.#byId.set(id, definition);
    this.#bySubject.set(subject, [...(this.#bySubject.get(subject) ?? []), definition]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    this.requests.push(path);
    if (this.respond !== undefined) {
      this.respond(request, response);
      return;
    }
    if (this.authorization !== undefined && request.headers.authorization !== this.authorization) {
      sendJson(response, 401, { error_code: 401, message: "HTTP 401 Unauthorized" });
      return;
    }
    const id = /^\/schemas\/ids\/([0-9]+)$/.exec(path)?.[1];
    const version = /^\/subjects\/([^/]+)\/versions\/([0-9]+)$/.exec(path);
    if (id !== undefined) {
      const found = this.#byId.get(Number(id));
      if (found === undefined) sendJson(response, 404, { error_code: 40403, message: `Schema ${id} not found` });
      else sendJson(response, 200, found);
    } else if (version !== null) {
      const subject = decodeURIComponent(version[1] ?? "");
      const versions = this.#bySubject.get(subject);
      const found = versions?.[Number(version[2]) - 1];
      if (found !== undefined) sendJson(response, 200, { subject, version: Number(version[2]), id: 0, ...found });
      else if (versions === undefined) sendJson(response, 404, { error_code: 40401, message: "Subject not found." });
      else sendJson(response, 404, { error_code: 40402, message: "Version not found." });
    } else {
      sendJson(response, 404, { error_code: 404, message: "HTTP 404 Not Found" });
    }
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/vnd.schemaregistry.v1+json" });
  response.end(JSON.stringify(body));
}
