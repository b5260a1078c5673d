/** A channel as code: lines that a reader pastes into a shell or an editor, and that do there what the inspector does. */
import { type ChannelRequest, channelName, channelOptions } from "./channel-request.ts";
import { safeJson, shellWord } from "./shell-quote.ts";

export type SnippetId = "sdk" | "http" | "sse" | "wscat" | "websocat" | "grpcurl";

export type Snippet = {
  readonly id: SnippetId;
  readonly title: string;
  readonly language: "TypeScript" | "Shell";
  readonly text: string;
  /** What the reader has to know or to install. */
  readonly note: string;
};

export type SnippetTarget = {
  /** Address of the service, http(s), that ends in a slash. */
  readonly baseUrl: string;
  /** Whether the service asks for a token. The code reads it from the environment; a token is never written into code. */
  readonly needsToken: boolean;
};

/** The variable of the environment that holds the token. */
const TOKEN = "SWAPSTATS_TOKEN";
const GRPC_PORT = 9090;
const NEXT_LINE = " \\\n  ";

/** Returns the code for each tool that has the channel. */
export function snippetsOf(request: ChannelRequest, target: SnippetTarget): readonly Snippet[] {
  const snippets = [sdk(request, target), http(request, target), sse(request, target)];
  const ofTools = [wscat(request, target), websocat(request, target), grpcurl(request, target)];
  return [...snippets, ...ofTools].filter((snippet) => snippet !== undefined);
}

function sdk(request: ChannelRequest, { baseUrl, needsToken }: SnippetTarget): Snippet {
  const url = safeJson(baseUrl.replace(/\/$/, ""));
  const token = needsToken ? `, token: process.env.${TOKEN}` : "";
  const text = [
    'import { createClient } from "@swapstats/client";',
    "",
    `const client = createClient({ url: ${url}${token} });`,
    `const store = client.${request.kind}(${sdkArguments(request).join(", ")});`,
    "for await (const data of store) {",
    "  console.log(store.meta?.rev, data);",
    "}",
  ].join("\n");
  return { id: "sdk", title: "SDK", language: "TypeScript", text, note: "npm install @swapstats/client" };
}

function sdkArguments(request: ChannelRequest): string[] {
  const { kind, token, window, sort, interval, query, order, windows, fields, limit, conflateMs } = request;
  const given = Object.entries({ order, limit, windows, fields, conflateMs }).filter(
    ([, value]) => value !== undefined,
  );
  const options = given.length === 0 ? [] : [literal(Object.fromEntries(given))];
  if (kind === "overview") return [literal({ window, sort, ...Object.fromEntries(given) })];
  if (kind === "screener") return [safeJson(query), ...options];
  return [...[token, interval].filter((name) => name !== undefined).map(safeJson), ...options];
}

/** Returns an object of plain names as people write it. */
function literal(object: object): string {
  const written = (value: unknown): string =>
    Array.isArray(value) ? `[${value.map(safeJson).join(", ")}]` : safeJson(value);
  const members = Object.entries(object).map(([name, value]) => `${name}: ${written(value)}`);
  return `{ ${members.join(", ")} }`;
}

const bearer = ({ needsToken }: SnippetTarget, name = "Authorization"): string[] =>
  needsToken ? [`-H "${name}: Bearer $${TOKEN}"`] : [];

function http(request: ChannelRequest, target: SnippetTarget): Snippet {
  const url = new URL(httpPath(request), target.baseUrl).href;
  const body =
    request.kind === "screener"
      ? ["-H 'Content-Type: application/json'", `-d ${shellWord(safeJson(request.query))}`]
      : [];
  const words = [`curl -sS ${shellWord(url)}`, ...bearer(target), ...body];
  const note = "The present data, once. Further requests may send the ETag as If-None-Match.";
  return { id: "http", title: "curl", language: "Shell", text: words.join(NEXT_LINE), note };
}

/** Returns the path and the query of the call that answers with the channel's data. */
function httpPath(request: ChannelRequest): string {
  const { kind, token = "", window, sort, order, interval, windows, fields, limit } = request;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries({ window, sort, order, interval, limit, windows, fields })) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  // Commas between names are easier to read as they are, and mean the same.
  const query = kind === "screener" ? "" : parameters.toString().replaceAll("%2C", ",");
  const call = kind === "token" ? "stats" : kind;
  const path = ["token", "candles", "swaps"].includes(kind) ? `tokens/${encodeURIComponent(token)}/${call}` : kind;
  return `api/${path}${query === "" ? "" : `?${query}`}`;
}

/** Undefined for a name with a comma, which separates the channels there. */
function sse(request: ChannelRequest, target: SnippetTarget): Snippet | undefined {
  const name = channelName(request);
  if (name.includes(",")) return undefined;
  const parameters = new URLSearchParams({ channels: name });
  for (const [option, value] of Object.entries(channelOptions(request))) {
    parameters.set(option, option === "query" ? JSON.stringify(value) : String(value));
  }
  const query = parameters.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  const url = new URL(`api/stream?${query}`, target.baseUrl).href;
  const words = [`curl -sSN ${shellWord(url)}`, ...bearer(target)];
  const note = "Server-sent events. They pass where WebSockets do not.";
  return { id: "sse", title: "curl, live", language: "Shell", text: words.join(NEXT_LINE), note };
}

const socketUrl = ({ baseUrl }: SnippetTarget): string => new URL("ws", baseUrl).href.replace(/^http/, "ws");

/** Returns the request that opens the channel over a WebSocket. */
function subscribeText(request: ChannelRequest): string {
  return safeJson({ subscribe: { channel: channelName(request), ...channelOptions(request) } });
}

function wscat(request: ChannelRequest, target: SnippetTarget): Snippet {
  const words = [
    `wscat -c ${shellWord(socketUrl(target))} -s swapstats.v1.json`,
    ...bearer(target),
    `-w 3600 -x ${shellWord(subscribeText(request))}`,
  ];
  const note = "npm install --global wscat. It ends after an hour (-w).";
  return { id: "wscat", title: "wscat", language: "Shell", text: words.join(NEXT_LINE), note };
}

function websocat(request: ChannelRequest, target: SnippetTarget): Snippet {
  const words = [
    `printf '%s\\n' ${shellWord(subscribeText(request))} |`,
    ["websocat -n --protocol swapstats.v1.json", ...bearer(target), shellWord(socketUrl(target))].join(" "),
  ];
  const note = "websocat takes the request from the pipe and stays connected (-n).";
  return { id: "websocat", title: "websocat", language: "Shell", text: words.join("\n  "), note };
}

/** Undefined for the screener, whose filter has a form of its own in protobuf. */
function grpcurl(request: ChannelRequest, target: SnippetTarget): Snippet | undefined {
  if (request.kind === "screener") return undefined;
  const { hostname, protocol } = new URL(target.baseUrl);
  const channels = [{ channel: channelName(request), ...channelOptions(request) }];
  const words = [
    `grpcurl${protocol === "https:" ? "" : " -plaintext"} -d ${shellWord(safeJson({ channels }))}`,
    ...bearer(target, "authorization"),
    `${shellWord(`${hostname}:${GRPC_PORT}`)} swapstats.v1.StatsService/Subscribe`,
  ];
  const note = `gRPC has an address of its own, api.grpc.addr. Put its port in place of ${GRPC_PORT}.`;
  return { id: "grpcurl", title: "grpcurl", language: "Shell", text: words.join(NEXT_LINE), note };
}
