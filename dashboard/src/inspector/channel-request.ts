/**
 * A channel with its options: as the form has it (texts that may be wrong), as the view uses it (checked), as the address of the page keeps it,
 * and as the WebSocket sends it.
 */

export const CHANNEL_KINDS = ["token", "overview", "screener", "candles", "swaps", "market"] as const;
type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** A channel that may be opened. A member is absent where the kind has none, and where the service's default holds. */
export type ChannelRequest = {
  readonly kind: ChannelKind;
  readonly token?: string;
  readonly window?: string;
  readonly sort?: string;
  readonly order?: "asc";
  readonly interval?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly windows?: readonly string[];
  readonly fields?: readonly string[];
  readonly limit?: number;
  readonly conflateMs?: number;
};

type Member = Exclude<keyof ChannelRequest, "kind">;

type KindRule = {
  /** Members that the kind has, in the order of the form. */
  readonly members: readonly Member[];
  /** The default and the largest `limit`. */
  readonly limit?: readonly [usual: number, max: number];
};

/** What each kind of channel takes. */
export const KIND_RULES: Readonly<Record<ChannelKind, KindRule>> = {
  token: { members: ["token", "windows", "fields", "conflateMs"] },
  overview: {
    members: ["sort", "window", "order", "limit", "windows", "fields", "conflateMs"],
    limit: [50, 500],
  },
  screener: { members: ["query", "conflateMs"] },
  candles: { members: ["token", "interval", "limit", "conflateMs"], limit: [100, 1000] },
  swaps: { members: ["token", "limit"], limit: [20, 100] },
  market: { members: ["windows", "conflateMs"] },
};

/** The form: what was typed and chosen. */
export type Draft = {
  readonly kind: ChannelKind;
  readonly token: string;
  readonly window: string;
  readonly sort: string;
  readonly order: "asc" | "desc";
  readonly interval: string;
  readonly query: string;
  readonly windows: readonly string[];
  readonly fields: string;
  readonly limit: string;
  readonly conflateMs: string;
};

export const EMPTY_DRAFT: Draft = {
  kind: "token",
  token: "",
  window: "5m",
  sort: "volume_usd",
  order: "desc",
  interval: "1m",
  query: '{"sort":[{"field":"volume_usd","window":"5m"}],"limit":20}',
  windows: [],
  fields: "",
  limit: "",
  conflateMs: "",
};

export type DraftProblems = Partial<Record<Member, string>>;
type Checked = { readonly request: ChannelRequest } | { readonly problems: DraftProblems };

/** Limits of the service. */
const TOKEN_CHARS_MAX = 256;
const CONFLATE_MS_MAX = 60_000;
const QUERY_CHARS_MAX = 16_384;

const CONTROL = /\p{Cc}/u;
const NAME = /^[a-z][a-z0-9_]*$/;

type Reading<T> = { readonly value: T | undefined } | { readonly problem: string };

/** Reads each member of the form. The service checks names of windows and figures again; its message is shown as it comes. */
const READERS: { readonly [M in Member]: (draft: Draft) => Reading<NonNullable<ChannelRequest[M]>> } = {
  token: ({ token }) => {
    const text = token.trim();
    if (text === "") return { problem: "Give a symbol, an address, or an id such as 1:0xc02a…" };
    if (text.length > TOKEN_CHARS_MAX) return { problem: `A token has at most ${TOKEN_CHARS_MAX} characters.` };
    if (CONTROL.test(text)) return { problem: "A token has no control characters." };
    return { value: text };
  },
  window: ({ window }) => (window === "" ? { problem: "Choose a window." } : { value: window }),
  sort: ({ sort }) => (NAME.test(sort) ? { value: sort } : { problem: "Choose a figure to rank by." }),
  order: ({ order }) => ({ value: order === "asc" ? order : undefined }),
  interval: ({ interval }) => (interval === "" ? { problem: "Choose an interval." } : { value: interval }),
  query: ({ query }) => readQuery(query),
  windows: ({ windows }) => ({ value: windows.length === 0 ? undefined : windows }),
  fields: ({ fields }) => {
    const names = fields.split(/[\s,]+/).filter((name) => name !== "");
    const wrong = names.find((name) => !NAME.test(name));
    if (wrong !== undefined)
      return { problem: `"${wrong}" is no name of a figure. Write names such as volume_usd, trades.` };
    return { value: names.length === 0 ? undefined : [...new Set(names)] };
  },
  limit: ({ kind, limit }) => readInteger(limit, 1, KIND_RULES[kind].limit?.[1] ?? 1),
  conflateMs: ({ conflateMs }) => readInteger(conflateMs, 0, CONFLATE_MS_MAX),
};

function readInteger(text: string, min: number, max: number): Reading<number> {
  const trimmed = text.trim();
  if (trimmed === "") return { value: undefined };
  const value = Number(trimmed);
  if (/^\d+$/.test(trimmed) && value >= min && value <= max) return { value };
  return { problem: `Give a whole number from ${min} to ${max}, or nothing.` };
}

function readQuery(text: string): Reading<Readonly<Record<string, unknown>>> {
  if (text.length > QUERY_CHARS_MAX) return { problem: `A query has at most ${QUERY_CHARS_MAX} characters.` };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      if ("cursor" in value) return { problem: "A channel shows the first page: leave cursor out." };
      return { value: value as Record<string, unknown> };
    }
  } catch (error) {
    return { problem: `The query is not JSON: ${(error as Error).message}` };
  }
  return { problem: 'A query is an object, such as {"sort":[{"field":"trades","window":"5m"}]}.' };
}

/** Checks the members that the kind has. */
export function checkDraft(draft: Draft): Checked {
  const problems: DraftProblems = {};
  const request: Record<string, unknown> = { kind: draft.kind };
  for (const member of KIND_RULES[draft.kind].members) {
    const reading = READERS[member](draft);
    if ("problem" in reading) problems[member] = reading.problem;
    else if (reading.value !== undefined) request[member] = reading.value;
  }
  if (Object.keys(problems).length > 0) return { problems };
  return { request: request as ChannelRequest };
}

/** Returns the name of the channel, as the request of the WebSocket has it. */
export function channelName({ kind, token = "", window = "", sort = "", interval = "" }: ChannelRequest): string {
  if (kind === "overview") return `overview:${window}:${sort}`;
  if (kind === "candles") return `candles:${token}:${interval}`;
  if (kind === "token" || kind === "swaps") return `${kind}:${token}`;
  return kind;
}

/** Returns the options of the channel, as the request of the WebSocket has them. */
export function channelOptions(request: ChannelRequest): Record<string, unknown> {
  const { order, query, windows, fields, limit, conflateMs } = request;
  const options = { query, windows, fields, limit, order, conflate_ms: conflateMs };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Returns the text by which the address of the page keeps the request. Equal requests have equal texts. */
export function requestText(request: ChannelRequest): string {
  const options = new URLSearchParams();
  for (const [name, value] of Object.entries(channelOptions(request))) {
    options.set(name, typeof value === "object" && name === "query" ? JSON.stringify(value) : String(value));
  }
  const text = options.toString();
  return text === "" ? channelName(request) : `${channelName(request)}?${text}`;
}

/** Reads what `requestText` wrote, or a link of another page. Undefined: it is no request. */
export function parseRequest(text: string): ChannelRequest | undefined {
  const mark = text.indexOf("?");
  const name = mark === -1 ? text : text.slice(0, mark);
  const options = new URLSearchParams(mark === -1 ? "" : text.slice(mark + 1));
  const colon = name.indexOf(":");
  const kind = (colon === -1 ? name : name.slice(0, colon)) as ChannelKind;
  if (!CHANNEL_KINDS.includes(kind)) return undefined;
  const rest = colon === -1 ? "" : name.slice(colon + 1);
  const last = rest.lastIndexOf(":");
  const names: Partial<Draft> =
    kind === "overview"
      ? { window: rest.slice(0, Math.max(0, last)), sort: rest.slice(last + 1) }
      : kind === "candles"
        ? { token: rest.slice(0, Math.max(0, last)), interval: rest.slice(last + 1) }
        : { token: rest };
  const checked = checkDraft({
    ...EMPTY_DRAFT,
    ...names,
    kind,
    order: options.get("order") === "asc" ? "asc" : "desc",
    query: options.get("query") ?? "",
    windows:
      options
        .get("windows")
        ?.split(",")
        .filter((window) => window !== "") ?? [],
    fields: options.get("fields") ?? "",
    limit: options.get("limit") ?? "",
    conflateMs: options.get("conflate_ms") ?? "",
  });
  return "request" in checked ? checked.request : undefined;
}
