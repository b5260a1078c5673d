/**
 * WebSocket messages a second from one core, with 50 subscriptions a client, against plain `ws.send` of the same messages: `node
 * bench/ws-fan-out.ts [--seconds N] [--rounds N]`. Servers and clients are separate processes. The comparison is in messages per second of
 * the server's processor time, so the two may carry different numbers of clients.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { report } from "./report.ts";
import type { ClientsReport } from "./ws/clients.ts";
import type { ServerReport } from "./ws/fan-out-server.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "4" }, rounds: { type: "string", default: "3" } },
});
const seconds = Number(values.seconds);
const ROUNDS = Number(values.rounds);
const TOPICS = 200;
const SUBSCRIPTIONS = 50;
const WARM_UP_MS = 2_000;
const folder = join(import.meta.dirname, "ws");

type Measured = { readonly messagesPerCpuSecond: number; readonly messagesPerSecond: number; readonly core: number };

/** The same subscriptions in every run: each client has its own 50 of the 200 channels. */
function requestsOf(clients: number): string[] {
  return Array.from({ length: clients }, (_, client) => {
    const step = 1 + 2 * (client % 7);
    const channels = Array.from({ length: SUBSCRIPTIONS }, (_, i) => `token:1:${(client * 31 + i * step) % TOPICS}`);
    return JSON.stringify({ subscribe: [...new Set(channels)] });
  });
}

async function measure(way: "door" | "plain", clients: number, patchBytes: number): Promise<Measured> {
  const server = fork(join(folder, "fan-out-server.ts"), [way, `${TOPICS}`, `${patchBytes}`]);
  const crowd = fork(join(folder, "clients.ts"));
  try {
    const [{ port }] = (await once(server, "message")) as [Extract<ServerReport, { type: "listening" }>];
    crowd.send({ type: "open", port, requests: requestsOf(clients) });
    await once(crowd, "message");
    await sleep(WARM_UP_MS);
    const look = async (): Promise<{ cpu: number; messages: number; at: number }> => {
      server.send("cpu");
      crowd.send({ type: "count" });
      const [[cpu], [counted]] = (await Promise.all([once(server, "message"), once(crowd, "message")])) as [
        [Extract<ServerReport, { type: "cpu" }>],
        [Extract<ClientsReport, { type: "counted" }>],
      ];
      if (counted.closed > 0) throw new Error(`${counted.closed} clients were closed`);
      return { cpu: cpu.seconds, messages: counted.messages, at: performance.now() };
    };
    const before = await look();
    await sleep(seconds * 1_000);
    const after = await look();
    const messages = after.messages - before.messages;
    const took = (after.at - before.at) / 1_000;
    const cpu = after.cpu - before.cpu;
    return { messagesPerCpuSecond: messages / cpu, messagesPerSecond: messages / took, core: cpu / took };
  } finally {
    server.kill("SIGKILL");
    crowd.kill("SIGKILL");
  }
}

function middle(rounds: readonly Measured[]): Measured {
  const sorted = [...rounds].sort((a, b) => a.messagesPerCpuSecond - b.messagesPerCpuSecond);
  return sorted[sorted.length >> 1] as Measured;
}

const thousands = (n: number): string => `${Math.round(n / 1_000)}k`;
const described = ({ messagesPerSecond, core }: Measured): string =>
  `${thousands(messagesPerSecond)}/s at ${core.toFixed(2)} core`;

const ratios: string[] = [];
let leastRatio = Number.POSITIVE_INFINITY;
for (const [patchBytes, doorClients, plainClients] of [
  [1_000, 500, 100],
  [250, 1_000, 100],
] as const) {
  const plains: Measured[] = [];
  const doors: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    plains.push(await measure("plain", plainClients, patchBytes));
    doors.push(await measure("door", doorClients, patchBytes));
  }
  const [plain, door] = [middle(plains), middle(doors)];
  const ratio = door.messagesPerCpuSecond / plain.messagesPerCpuSecond;
  leastRatio = Math.min(leastRatio, ratio);
  ratios.push(
    `patches of ${patchBytes} bytes: ${ratio.toFixed(1)} times, ${thousands(door.messagesPerCpuSecond)} (${described(door)}) ` +
      `against ${thousands(plain.messagesPerCpuSecond)} (${described(plain)}) messages per CPU-second`,
  );
}
report({
  what: "WebSocket messages per second from one core with 50 subscriptions per client, against plain `ws.send` for each message",
  goal: "at least 8 times",
  figure: `${leastRatio.toFixed(1)} times`,
  met: leastRatio >= 8,
  note: `Counted per second of the server's processor time, at 10 updates a second, median of ${ROUNDS} rounds; ${ratios.join("; ")}. The kernel's copy and wake-up for each write, and the reading of its pong, limit it.`,
});
