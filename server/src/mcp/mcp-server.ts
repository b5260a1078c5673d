/** A server of the Model Context Protocol over the tools. It serves one request over HTTP, or one connection over stdio. */
import { type CallToolResult, Server } from "@modelcontextprotocol/server";
import { type ApiCall, type Tool, toolsOf } from "./tools.ts";

const INSTRUCTIONS =
  "swapstats has live statistics of tokens from a stream of swaps. Name a token by <chain_id>:<address>, by its address or by its symbol; a symbol that several tokens " +
  "share is refused with the candidates. Decimals are strings: do not round them. as_of says when figures hold; complete=false and stale=true must be passed on.";

type McpServerOptions = {
  readonly version: string;
  /** Names of the windows of the service. */
  readonly windows: readonly string[];
  readonly call: ApiCall;
};

export function createMcpServer({ version, windows, call }: McpServerOptions): Server {
  const tools = toolsOf(windows);
  const server = new Server(
    { name: "swapstats", version },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler("tools/list", () => ({
    tools: tools.map(({ name, title, description, inputSchema }) => ({
      ...{ name, title, description, inputSchema: inputSchema as never },
      annotations: { readOnlyHint: true, openWorldHint: false },
    })),
  }));
  server.setRequestHandler("tools/call", ({ params }) => callTool(tools, params.name, params.arguments ?? {}, call));
  return server;
}

async function callTool(
  tools: readonly Tool[],
  name: string,
  args: Readonly<Record<string, unknown>>,
  call: ApiCall,
): Promise<CallToolResult> {
  const tool = tools.find((one) => one.name === name);
  if (tool === undefined)
    return failed(`There is no tool ${JSON.stringify(name)}; there are ${tools.map((one) => one.name).join(", ")}.`);
  const { status, text } = await call(tool.request(args));
  if (status >= 300) return failed(text);
  return { content: [{ type: "text", text }], structuredContent: JSON.parse(text) as Record<string, unknown> };
}

const failed = (text: string): CallToolResult => ({ content: [{ type: "text", text }], isError: true });
