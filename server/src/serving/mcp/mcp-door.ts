/** The door `/mcp`: tools for agents, by the Model Context Protocol over streamable HTTP. It keeps no sessions: each request stands alone. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { createMcpServer } from "../../mcp/mcp-server.ts";
import type { MountContext, MountRoute } from "../mounts.ts";

/** Bytes of a message of an agent. */
const MESSAGE_BYTES_MAX = 256 * 1024;

type Parts = { readonly version: string; readonly windows: readonly string[] };

export function mcpRoutes({ version, windows }: Parts): readonly MountRoute[] {
  const route = {
    path: "/mcp",
    operation: "mcp" as const,
    bodyBytesMax: MESSAGE_BYTES_MAX,
    isWriting: false,
    isStream: false,
  };
  const handle = async (request: IncomingMessage, response: ServerResponse, context: MountContext): Promise<void> => {
    const handler = createMcpHandler(() => createMcpServer({ version, windows, call: context.call }), {
      maxSubscriptions: 0,
    });
    try {
      await send(response, await handler.fetch(webRequest(request, context)));
    } finally {
      await handler.close();
    }
  };
  // GET and DELETE belong to sessions, which the handler refuses.
  return (["GET", "POST", "DELETE"] as const).map((method) => ({ ...route, method, handle }));
}

function webRequest({ method, headers }: IncomingMessage, { url, body }: MountContext): Request {
  const given = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    // The body is expanded already.
    value === undefined || name === "content-encoding" || name === "content-length" ? [] : [[name, String(value)]],
  );
  return new Request(url, {
    method: method as string,
    headers: given,
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
}

async function send(response: ServerResponse, from: Response): Promise<void> {
  for (const [name, value] of from.headers) response.setHeader(name, value);
  response.setHeader("x-content-type-options", "nosniff");
  response.writeHead(from.status);
  if (from.body === null) response.end();
  else await pipeline(Readable.fromWeb(from.body as ReadableStream), response);
}
