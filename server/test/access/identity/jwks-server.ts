/** A server of a key set, which can rotate, fail, stall and send too much. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { SigningKey } from "../../support/tokens.ts";

export type JwksServer = {
  readonly url: string;
  /** Requests so far. */
  requests: number;
  /** How requests are answered from now on. */
  respond: (response: ServerResponse) => void;
};

/** The set of these keys as a response. Keys are named by their place in the list of names. */
export function keySet(keys: Readonly<Record<string, SigningKey>>, more: readonly object[] = []): object {
  const entries = Object.entries(keys).map(([kid, { publicKey }]) => ({
    ...publicKey?.export({ format: "jwk" }),
    kid,
  }));
  return { keys: [...more, ...entries] };
}

export const sends =
  (body: object | string, status = 200) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };

/** Sends a part of the response, and no end. */
export const stalls = (response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "application/json" });
  response.write('{"keys":[');
};

export async function startJwksServer(t: TestContext, respond: JwksServer["respond"]): Promise<JwksServer> {
  const listener = createServer((_, response) => {
    server.requests += 1;
    server.respond(response);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const server: JwksServer = {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/keys`,
    requests: 0,
    respond,
  };
  t.after(() => {
    listener.closeAllConnections();
    listener.close();
  });
  return server;
}
