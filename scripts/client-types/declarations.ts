/** The types of the client that are made from the schemas of the contract, by file. */
import { previousFields, sortFields, statsFields } from "@swapstats/protocol/figures.ts";
import { candleIntervals, historyIntervals } from "@swapstats/protocol/limits.ts";
import * as access from "@swapstats/protocol/schemas/access.ts";
import * as figures from "@swapstats/protocol/schemas/figures.ts";
import * as history from "@swapstats/protocol/schemas/history.ts";
import * as ingest from "@swapstats/protocol/schemas/ingest.ts";
import * as market from "@swapstats/protocol/schemas/market.ts";
import * as problems from "@swapstats/protocol/schemas/problems.ts";
import * as requests from "@swapstats/protocol/schemas/requests.ts";
import * as service from "@swapstats/protocol/schemas/service.ts";
import * as tokens from "@swapstats/protocol/schemas/tokens.ts";
import * as websocket from "@swapstats/protocol/schemas/websocket.ts";
import { ScreenerFilter, ScreenerResponse, screenerBody } from "@swapstats/protocol/screener/schema.ts";
import { SparkValues } from "@swapstats/protocol/screener/spark-values.ts";
import { ANY_WINDOW, type Schema, unionText } from "./type-text.ts";

/** A type: its name, its schema or its text, and one sentence about it. */
export type Declaration = {
  readonly name: string;
  readonly of: Schema | string;
  readonly doc: string;
  readonly isRequest?: true;
};
export type WireFile = { readonly about: string; readonly declarations: readonly Declaration[] };

const type = (name: string, of: object | string, doc: string): Declaration => ({
  ...{ name, doc },
  of: typeof of === "string" ? of : (of as Schema),
});
const request = (name: string, of: object, doc: string): Declaration => ({ ...type(name, of, doc), isRequest: true });

/** Returns the schema at a place within a schema, such as `items/anyOf/1`. */
function within(schema: object, path: string): Schema {
  let at: unknown = schema;
  for (const key of path.split("/")) at = (at as Readonly<Record<string, unknown>>)[key];
  if (at === undefined) throw new Error(`a schema of the contract has no ${path}`);
  return at as Schema;
}
const rowOf = (schema: object): Schema => within(schema, "properties/rows/patternProperties/^.*$");
const body = screenerBody([ANY_WINDOW]);
const messages = within(websocket.clientMessage([ANY_WINDOW]), "anyOf");
const messageOf = (place: number): Schema => within(messages, String(place));

const figureFile: WireFile = {
  about: "Figures of a token in a window",
  declarations: [
    type("StatsField", { enum: statsFields }, "Name of a figure"),
    type("SortField", { enum: sortFields }, "Name of a figure by which tokens can be ranked"),
    type("PreviousField", { enum: previousFields }, "Name of a figure that `previous` also has"),
    type("Volumes", figures.previousSchema, "Counts and volumes of a span"),
    type("WindowFigures", figures.WindowFigures, "Figures of a token in a window. Figures without a value are absent"),
    type("ChannelFigures", figures.ChannelFigures, "Figures in a channel: without the bounds of the window"),
  ],
};

const tokenFile: WireFile = {
  about: "Responses about tokens: statistics, rankings, candles and swaps",
  declarations: [
    type("CandleInterval", { enum: Object.keys(candleIntervals) }, "Length of a candle"),
    type("HistoryInterval", { enum: historyIntervals }, "Length of a candle from the history"),
    type("Chosen", within(tokens.TokenStats, "properties/chosen"), "How the token of a response was chosen"),
    type("SparkValues", SparkValues, "Values of a sparkline, the oldest first. null: the slice has no trade"),
    type("TokenStats", tokens.TokenStats, "Statistics of a token"),
    type("TokenError", tokens.TokenError, "An item without figures, with the reason"),
    request("TokensStatsRequest", requests.tokensStatsBody([ANY_WINDOW]), "Tokens, and what is wanted of them"),
    type("TokensStats", tokens.TokensStats, "Statistics of several tokens, in the order of the request"),
    type("ShortStats", tokens.ShortStats, "Statistics of a token in a shorter form"),
    type("OverviewItem", within(tokens.Overview, "properties/items/items"), "A row of a ranking"),
    type("Overview", tokens.Overview, "All tokens, ranked by a figure"),
    type("FoundTokens", tokens.FoundTokens, "Tokens that a search found"),
    type("Candle", tokens.Candle, "A candle. Prices are absent where nothing was traded"),
    type("Candles", tokens.Candles, "Candles of a token, in ascending order of time"),
    type("Swap", tokens.Swap, "A swap that counts in the figures"),
    type("Swaps", tokens.Swaps, "Swaps of a token, by default the newest first"),
    type("PastStats", history.PastStats, "Statistics of a token as of a past instant"),
    type("PastTokensStats", history.PastTokensStats, "Statistics of several tokens as of a past instant"),
    type("PastOverview", history.PastOverview, "All tokens, ranked by a figure as of a past instant"),
    type("PastScreener", history.PastScreener, "The tokens that matched at a past instant"),
    type("Audit", history.Audit, "Served figures of a window, against their recomputation"),
  ],
};

const marketWindows = within(market.Market, "properties/windows/patternProperties/^.*$");
const marketFile: WireFile = {
  about: "Sums over all tokens",
  declarations: [
    type("MarketSums", within(marketWindows, "properties/previous"), "Figures that can be added up over tokens"),
    type("MarketFigures", marketWindows, "Sums over tokens in a window"),
    type("MarketScope", within(market.Market, "properties/chains/patternProperties/^.*$"), "Sums of a chain"),
    type("Market", market.Market, "Sums over all tokens, whole and by chain"),
  ],
};

const screenerFile: WireFile = {
  about: "Queries of the screener, and its responses",
  declarations: [
    type("ScreenerField", within(body, "properties/sort/items/properties/field"), "Name by which the screener sorts"),
    type("WindowField", within(ScreenerFilter, "anyOf/3/properties/field"), "Name of a number that has a window"),
    type("FlagField", within(ScreenerFilter, "anyOf/4/properties/field"), "Name of a flag that has a window"),
    type("TokenField", within(ScreenerFilter, "anyOf/5/properties/field"), "Name of a number of the token itself"),
    type("TextField", within(ScreenerFilter, "anyOf/6/properties/field"), "Name of a text of the token itself"),
    request("WindowComparison", within(ScreenerFilter, "anyOf/3"), "Compares a number that has a window"),
    request("FlagComparison", within(ScreenerFilter, "anyOf/4"), "Compares a flag that has a window"),
    request("TokenComparison", within(ScreenerFilter, "anyOf/5"), "Compares a number of the token itself"),
    request("TextComparison", within(ScreenerFilter, "anyOf/6"), "Compares a text of the token itself, without case"),
    request("ScreenerFilter", ScreenerFilter, "A comparison, or `and`, `or` and `not` of filters"),
    request("ScreenerSort", within(body, "properties/sort/items"), "A figure to sort by, by default descending"),
    request("SparkRequest", within(body, "properties/spark"), "A sparkline of each row"),
    request("ScreenerRequest", body, "A query of the screener"),
    type("ScreenerItem", within(ScreenerResponse, "properties/items/items"), "A row of a response of the screener"),
    type("ScreenerResponse", ScreenerResponse, "The tokens that match, in the order of the query"),
  ],
};

const serviceFile: WireFile = {
  about: "Status of the service, swaps from producers, and credentials",
  declarations: [
    type("FeederStatus", service.FeederStatus, "State of a feeder. The counts are those up to its kept position"),
    type("PartitionStatus", within(service.Status, "properties/partitions/items"), "State of a partition"),
    type("InstanceStatus", within(service.Status, "properties/instances/items"), "State of an instance"),
    type(
      "Counters",
      within(service.Status, "properties/counters"),
      "Sums over all partitions since their first record",
    ),
    type("Status", service.Status, "Status of ingestion"),
    type("Health", service.Health, "Response of a process that is alive"),
    type("Ready", service.Ready, "Response of a service that is ready"),
    type("Index", service.Index, "Index of the service"),
    request("SwapEvent", ingest.SwapEvent, "A swap as a producer sends it"),
    type("Ingested", ingest.Ingested, "Result of sending swaps"),
    type("DeadLetter", ingest.DeadLetter, "A record that was not applied, with the reason"),
    type("DeadLetters", ingest.DeadLetters, "Records that were not applied, newest first"),
    type("Ticket", access.Ticket, "A ticket for one connection"),
    request("TokenBody", access.tokenBody(), "A request for a token, for development"),
    type("MintedToken", access.MintedToken, "A token for development"),
  ],
};

const problemFile: WireFile = {
  about: "Errors of the service",
  declarations: [
    type("ProblemCode", problems.ProblemCode, "Code of an error, of HTTP and of live data"),
    type("Candidate", problems.Candidate, "One of the tokens that have a name in common"),
    type(
      "ParameterError",
      within(problems.Problem, "properties/errors/items"),
      "A parameter that breaks a rule. `name` is the parameter, or a JSON pointer into the body",
    ),
    type("EventError", problems.EventError, "An event that is rejected"),
    type("ProblemDocument", problems.Problem, "A problem document of RFC 9457"),
  ],
};

const dataFile: WireFile = {
  about: "Data of channels",
  declarations: [
    type("TokenData", websocket.TokenData, "Data of a channel `token:<id>`"),
    type("OverviewRow", rowOf(websocket.OverviewData), "A row of a ranking, with the figures of its window"),
    type(
      "OverviewData",
      websocket.OverviewData,
      "Data of a channel `overview:<window>:<sort>`. `stats` is of that window",
    ),
    type("ScreenerRow", rowOf(websocket.OverviewWindowsData), "A row with figures by window"),
    type(
      "ScreenerData",
      websocket.OverviewWindowsData,
      "Data of a channel `screener`, and of an overview with `windows`",
    ),
    type("CandlesData", websocket.CandlesData, "Data of a channel `candles:<id>:<interval>`: candles by `open_time`"),
    type("SwapsData", websocket.SwapsData, "Data of a snapshot of a channel `swaps:<id>`, newest first"),
    type("MarketData", websocket.MarketData, "Data of the channel `market`"),
  ],
};

const clientMessages = "Subscribe Unsubscribe Resume Set Pause Auth".split(" ").map((name) => `${name}Request`);
const clientMessageFile: WireFile = {
  about: "Messages of the client over the WebSocket",
  declarations: [
    type("RequestId", websocket.RequestId, "Id of a request, which its responses repeat"),
    request(
      "ChannelRequest",
      within(messageOf(0), "properties/subscribe/anyOf/1/items/anyOf/1"),
      "A channel with options of its own",
    ),
    request("SubscribeRequest", messageOf(0), "Opens channels"),
    request("UnsubscribeRequest", messageOf(1), "Closes channels"),
    request(
      "ResumedChannel",
      within(messageOf(2), "properties/resume/anyOf/0"),
      "A channel that continues from a position: `epoch` and `rev`, or `seq`, of its last message",
    ),
    request("ResumeRequest", messageOf(2), "Opens channels from positions"),
    request("SetRequest", messageOf(3), "Changes an open channel, which goes on without a snapshot"),
    request("PauseRequest", messageOf(4), "While paused, no channel sends anything"),
    request("AuthRequest", messageOf(5), "Shows new credentials of the same subject"),
    type("ClientMessage", unionText(clientMessages), "A message of the client"),
  ],
};

const serverMessages: readonly (readonly [string, object, string])[] = [
  ["SubscribedMessage", websocket.SubscribedMessage, "Response to `subscribe` and `resume`"],
  ["UnsubscribedMessage", websocket.UnsubscribedMessage, "Response to `unsubscribe` with an `id`"],
  ["SetMessage", websocket.SetMessage, "Response to `set` with an `id`"],
  ["PausedMessage", websocket.PausedMessage, "Response to `pause` with an `id`"],
  ["SnapshotMessage", websocket.SnapshotMessage, "The whole data of a channel"],
  ["PatchMessage", websocket.PatchMessage, "`patch` is a merge patch (RFC 7396) of the data of `prev_rev`"],
  ["SwapsMessage", websocket.SwapsMessage, "Swaps that began or ceased to count, in the order of the log"],
  ["ErrorMessage", websocket.ErrorMessage, "A request that failed, or a channel that ended"],
  ["HeartbeatMessage", within(websocket.ServerMessage, "anyOf/8"), "Sent when no other message was sent for a while"],
  ["ChecksumMessage", websocket.ChecksumMessage, "`crc32` is that of the canonical JSON of the data of `rev`"],
  ["ShutdownMessage", within(websocket.ServerMessage, "anyOf/10"), "The service shuts down"],
  ["AuthExpiringMessage", within(websocket.ServerMessage, "anyOf/11"), "The credentials of the connection expire soon"],
  ["AuthenticatedMessage", websocket.AuthenticatedMessage, "Response to `auth` with an `id`"],
  ["ReplayMessage", websocket.ReplayMessage, "The clock of a connection with `at` begins, or its session ends"],
];
const serverMessageFile: WireFile = {
  about: "Messages of the service over the WebSocket and in event streams",
  declarations: [
    type(
      "SwapChange",
      within(websocket.SwapsMessage, "properties/items/items"),
      "A swap that began or ceased to count",
    ),
    ...serverMessages.map(([name, of, doc]) => type(name, of, doc)),
    type("ServerMessage", unionText(serverMessages.map(([name]) => name)), "A message of the service"),
  ],
};

/** Files of the folder, by name without ending. */
export const wireFiles: Readonly<Record<string, WireFile>> = {
  figures: figureFile,
  tokens: tokenFile,
  market: marketFile,
  screener: screenerFile,
  service: serviceFile,
  problems: problemFile,
  data: dataFile,
  "client-messages": clientMessageFile,
  "server-messages": serverMessageFile,
};

/** A query of the screener as a channel has it: it follows no cursor. */
export const channelQuery: readonly [schema: Schema, text: string] = [
  websocket.ScreenerChannelQuery as Schema,
  'Omit<ScreenerRequest, "cursor">',
];
