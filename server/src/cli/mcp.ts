/** The command `mcp`: gives an agent tools over standard input and output. The tools call a running service over HTTP. */
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { createMcpServer } from "../mcp/mcp-server.ts";
import { ServiceClient } from "./service-client.ts";
import { VERSION } from "./version.ts";

/** Bytes of a message from an agent. */
const MESSAGE_BYTES_MAX = 1024 * 1024;

export type McpOptions = { readonly url: string; readonly token?: string };

/** Runs until standard input ends or a signal comes. Rejects with `unavailable` if the service does not respond at the start. */
export async function runMcp({ url, token }: McpOptions, signal: AbortSignal): Promise<void> {
  const client = new ServiceClient(url, signal, token);
  const windows = await client.windows();
  const ended = Promise.withResolvers<void>();
  const transport = new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: MESSAGE_BYTES_MAX });
  const handle = serveStdio(
    () => createMcpServer({ version: VERSION, windows, call: (request) => client.call(request) }),
    {
      transport,
    },
  );
  signal.addEventListener("abort", () => ended.resolve(), { once: true });
  process.stdin.once("end", () => ended.resolve());
  await ended.promise;
  await handle.close();
}
