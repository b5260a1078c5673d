/**
 * Ten thousand WebSocket clients lose their connections at once and come back within two seconds, each resuming its channels: `node
 * bench/resume-storm.ts [--clients N] [--rounds N]`. A control group stays connected. Server, clients and control group are separate processes.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { report } from "./report.ts";
import type { Lags, StormOrder, StormReport } from "./ws/storm-clients.ts";
import type { StormServerReport } from "./ws/storm-server.ts";

const { values } = parseArgs({
  options: { clients: { type: "string", default: "10000" }, rounds: { type: "string", default: "3" } },
});
const CLIENTS = Number(values.clients);
const ROUNDS = Number(values.rounds);
const CONTROLS = 100;
const CHANNELS = 200;
/** Of each client. */
const SUBSCRIPTIONS = 3;
const BACK_WITHIN_MS = 2_000;
const GONE_MS = 1_000;
const CALM_MS = 3_000;
/** From the first client that comes back until the last one is live. */
const GOAL_SECONDS = 4;
const folder = join(import.meta.dirname, "ws");

type Round = {
  readonly liveSeconds: number;
  readonly recovered: number;
  readonly cpuSeconds: number;
  readonly core: { readonly calm: number; readonly storm: number };
  readonly calm: Lags;
  readonly storm: Lags;
};

function channelsOf(clients: number): string[][] {
  return Array.from({ length: clients }, (_, client) =>
    Array.from({ length: SUBSCRIPTIONS }, (_, i) => `token:1:${(client * 31 + i * 67) % CHANNELS}`),
  );
}

async function ask<T extends StormReport["type"]>(
  crowd: ChildProcess,
  order: StormOrder,
  type: T,
): Promise<Extract<StormReport, { type: T }>> {
  crowd.send(order);
  const [answer] = (await once(crowd, "message")) as [StormReport];
  if (answer.type !== type) throw new Error(`${type} was expected, not ${JSON.stringify(answer)}`);
  return answer as Extract<StormReport, { type: T }>;
}

async function measure(): Promise<Round> {
  const server = fork(join(folder, "storm-server.ts"), [`${CHANNELS}`, `${CLIENTS + CONTROLS}`]);
  const [crowd, controls] = [fork(join(folder, "storm-clients.ts")), fork(join(folder, "storm-clients.ts"))];
  const cpu = async (): Promise<number> => {
    server.send("cpu");
    const [answer] = (await once(server, "message")) as [Extract<StormServerReport, { type: "cpu" }>];
    return answer.seconds;
  };
  try {
    const [{ port }] = (await once(server, "message")) as [Extract<StormServerReport, { type: "listening" }>];
    await ask(controls, { type: "open", port, channels: channelsOf(CONTROLS), withinMs: 500 }, "live");
    await ask(crowd, { type: "open", port, channels: channelsOf(CLIENTS), withinMs: CLIENTS }, "live");
    await sleep(CALM_MS);
    await ask(controls, { type: "lags" }, "lags");
    const calmFrom = await cpu();
    await sleep(CALM_MS);
    const calmCore = ((await cpu()) - calmFrom) / (CALM_MS / 1_000);
    const calm = (await ask(controls, { type: "lags" }, "lags")).lags;
    await ask(crowd, { type: "cut" }, "cut");
    await sleep(GONE_MS);
    await ask(controls, { type: "lags" }, "lags");
    const stormFrom = await cpu();
    const { seconds, recovered } = await ask(crowd, { type: "resume", withinMs: BACK_WITHIN_MS }, "live");
    const cpuSeconds = (await cpu()) - stormFrom;
    const storm = (await ask(controls, { type: "lags" }, "lags")).lags;
    const core = { calm: calmCore, storm: cpuSeconds / seconds };
    return { liveSeconds: seconds, recovered: recovered / (CLIENTS * SUBSCRIPTIONS), cpuSeconds, core, calm, storm };
  } finally {
    for (const child of [server, crowd, controls]) child.kill("SIGKILL");
  }
}

const rounds: Round[] = [];
for (let round = 0; round < ROUNDS; round++) rounds.push(await measure());
rounds.sort((a, b) => a.liveSeconds - b.liveSeconds);
const { liveSeconds, recovered, cpuSeconds, core, calm, storm } = rounds[rounds.length >> 1] as Round;
const lagText = ({ median, p99, longest }: Lags): string => `median ${median} ms, p99 ${p99} ms, longest ${longest} ms`;
report({
  what: `${CLIENTS} WebSocket clients that lost their connections and resume ${SUBSCRIPTIONS} channels each within ${BACK_WITHIN_MS / 1_000} s: from the first that comes back until all are live`,
  goal: `at most ${GOAL_SECONDS} s, all channels recovered`,
  figure: `${liveSeconds.toFixed(2)} s, ${(recovered * 100).toFixed(1)} % recovered`,
  met: liveSeconds <= GOAL_SECONDS && recovered === 1,
  note:
    `Median of ${ROUNDS} rounds. ${CHANNELS} channels change once a second. The service used ${cpuSeconds.toFixed(2)} s of processor time for handshakes, positions and patches ` +
    `(${((cpuSeconds / CLIENTS) * 1e6).toFixed(0)} us a client), ${core.storm.toFixed(2)} core against ${core.calm.toFixed(2)} before. The push lag of ${CONTROLS} clients ` +
    `that stayed was ${lagText(storm)}; before: ${lagText(calm)}. Service and clients share the processors; the handshakes limit it.`,
});
