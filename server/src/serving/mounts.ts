/**
 * How other doors plug in at the HTTP address. A door gives a list of routes. The HTTP door passes their requests through its own rules (hosts,
 * lengths, origins, the gate, limits on connections and bodies), and then hands the raw response over.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Identity } from "../access/identity.ts";
import type { ApiCall } from "../mcp/tools.ts";
import type { OperationName } from "./operation-rules.ts";

export type MountContext = {
  /** The client, which the gate has admitted to the route's operation. */
  readonly identity: Identity;
  /** Path and query of the request. Its host has no meaning. */
  readonly url: URL;
  /** The whole body, expanded; undefined for a request without one. */
  readonly body: Buffer | undefined;
  /** Calls the HTTP API for the same client: its checks, scopes and limits apply. Resolves whatever the status is. */
  readonly call: ApiCall;
};

export type MountRoute = {
  readonly method: "GET" | "POST" | "DELETE";
  /** The exact path, without parameters. */
  readonly path: string;
  readonly operation: OperationName;
  /** Bytes that a body may have, also when it is expanded; beyond it 413. Undefined: as for other queries. */
  readonly bodyBytesMax: number | undefined;
  /** Whether pages of other origins are kept from it unless `api.cors` lists them one by one: it changes something. */
  readonly isWriting: boolean;
  /**
   * Whether its responses may last. They then hold no place among the running requests, and the limits for slow readers and idle connections do not
   * apply: the door has limits of its own.
   */
  readonly isStream: boolean;
  /**
   * Called once for each admitted request, and for HEAD where the method is GET. Header fields of the door's rules are set on the response already. Resolves when the response has
   * begun. If it throws or rejects before, the client gets the problem document of the error.
   */
  handle(request: IncomingMessage, response: ServerResponse, context: MountContext): void | Promise<void>;
};
