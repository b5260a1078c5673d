/**
 * WebSocket messages a second of the server's processor time by channels and clients, each message in a frame of its own and in lists, against plain
 * `ws.send` of the same messages in the same run, and for five channels the least that any server in Node takes: `node bench/ws-channels.ts [--seconds N] [--rounds N]`.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { webSocketBatchProtocol } from "../protocol/src/websocket.ts";
import { report } from "./report.ts";
import { channelsOf, type Measured, measureFanOut, middle, TOPICS, thousands } from "./support/fan-out.ts";
import { median } from "./support/workload.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: process.env.SWAPSTATS_BENCH_SECONDS ?? "4" },
    rounds: { type: "string", default: "5" },
  },
});
const SECONDS = Number(values.seconds);
const ROUNDS = Number(values.rounds);
/** About 1.1 KB a message. */
const PATCH_BYTES = 1_000;
/** Subscriptions of the clients of plain `ws`, which carries ten times as many messages on one core, and no more. */
const PLAIN_SUBSCRIPTIONS = 5_000;
const GOAL_AT_FIVE = 3.5;
const folder = join(import.meta.dirname, "ws");

type Way = "plain" | "single" | "lists" | "bare";

function measure(way: Way, clients: number, channels: number): Promise<Measured> {
  const requests = channelsOf(clients, channels).map((subscribe) => JSON.stringify({ subscribe }));
  const hasLists = way === "lists";
  const headers = hasLists ? [`Sec-WebSocket-Protocol: ${webSocketBatchProtocol}`] : [];
  const server = [
    join(folder, "fan-out-server.ts"),
    [way === "plain" || way === "bare" ? way : "door", `${TOPICS}`, `${PATCH_BYTES}`],
  ] as const;
  return measureFanOut(
    server,
    [join(folder, "clients.ts"), []],
    { requests, headers, hasLists },
    SECONDS,
    2 * clients * channels,
  );
}

const FORMS: Readonly<Record<Way, string>> = {
  plain: "a write for each message",
  single: "each message in a frame",
  lists: "messages in lists",
  bare: "one write of ready frames and nothing else",
};

const described = ({ messagesPerCpuSecond, messagesPerSecond, core }: Measured): string =>
  `${thousands(messagesPerCpuSecond)} (${thousands(messagesPerSecond)}/s at ${core.toFixed(2)} core)`;

/** Measures the ways in turn, and reports a row for each besides plain. */
async function compare(channels: number, clients: number, ...others: Way[]): Promise<void> {
  const ways: readonly Way[] = ["plain", "single", "lists", ...others];
  const runs: Record<Way, Measured[]> = { plain: [], single: [], lists: [], bare: [] };
  const plainClients = Math.min(clients, PLAIN_SUBSCRIPTIONS / channels);
  for (let round = 0; round < ROUNDS; round++) {
    // Each of them comes first as often as the others.
    for (let i = 0; i < ways.length; i++) {
      const way = ways[(i + round) % ways.length] as Way;
      runs[way].push(await measure(way, way === "plain" ? plainClients : clients, channels));
    }
  }
  for (const way of ways.slice(1)) {
    const ratios = runs[way].map(
      (run, round) => run.messagesPerCpuSecond / (runs.plain[round] as Measured).messagesPerCpuSecond,
    );
    const ratio = median(ratios);
    const hasGoal = channels === 5 && clients === 1_000 && way === "single";
    report({
      what: `WebSocket, ${channels} channels a client, ${clients.toLocaleString("en")} clients, ${FORMS[way]}, against plain \`ws.send\`: messages per CPU-second`,
      goal: hasGoal ? `at least ${GOAL_AT_FIVE} times` : "none",
      figure: `${ratio.toFixed(2)} times, ${thousands(middle(runs[way]).messagesPerCpuSecond)}`,
      met: hasGoal ? ratio >= GOAL_AT_FIVE : undefined,
      note:
        `Median of ${ROUNDS} rounds (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} times), patches of ${PATCH_BYTES} bytes, 10 updates a ` +
        `second: ${described(middle(runs[way]))} against ${described(middle(runs.plain))} with ${plainClients} clients. One write for each client and tick is left, more than a third of it in the kernel.`,
      values: { times: ratio, "messages per CPU-second": middle(runs[way]).messagesPerCpuSecond },
    });
  }
}

await compare(5, 1_000, "bare");
for (const channels of [20, 50]) await compare(channels, 1_000);
await compare(5, 10_000);
