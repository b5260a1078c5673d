/**
 * WebSocket messages a second from one core, with 50 subscriptions a client, against plain `ws.send` of the same messages: `node
 * bench/ws-fan-out.ts [--seconds N] [--rounds N]`. Servers and clients are separate processes. The comparison is in messages per second of
 * the server's processor time, so the two may carry different numbers of clients.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { jsonPatchProtocol, protobufProtocol } from "../protocol/src/websocket.ts";
import { report } from "./report.ts";
import { channelsOf, type Measured, measureFanOut, middle, TOPICS, thousands } from "./support/fan-out.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "4" }, rounds: { type: "string", default: "3" } },
});
const seconds = Number(values.seconds);
const ROUNDS = Number(values.rounds);
const SUBSCRIPTIONS = 50;
const folder = join(import.meta.dirname, "ws");

/** Each client has its own 50 of the 200 channels. */
function measure(
  way: "door" | "plain",
  clients: number,
  patchBytes: number,
  headers: readonly string[] = [],
): Promise<Measured> {
  const requests = channelsOf(clients, SUBSCRIPTIONS).map((subscribe) => JSON.stringify({ subscribe }));
  const server = [join(folder, "fan-out-server.ts"), [way, `${TOPICS}`, `${patchBytes}`]] as const;
  return measureFanOut(server, [join(folder, "clients.ts"), []], { requests, headers }, seconds);
}

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
  note: `Counted per second of the server's processor time, at 10 updates a second, median of ${ROUNDS} rounds; ${ratios.join("; ")}. The kernel's copy and wake-up for each write limit it.`,
});

const DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate";
const ENCODINGS: Readonly<Record<string, readonly string[]>> = {
  json: [],
  "json-patch": [`Sec-WebSocket-Protocol: ${jsonPatchProtocol}`],
  protobuf: [`Sec-WebSocket-Protocol: ${protobufProtocol}`],
  "json, compressed": [DEFLATE],
  "protobuf, compressed": [`Sec-WebSocket-Protocol: ${protobufProtocol}`, DEFLATE],
};
let jsonRate = 0;
for (const [name, headers] of Object.entries(ENCODINGS)) {
  const rounds: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure("door", 500, 1_000, headers));
  const measured = middle(rounds);
  if (jsonRate === 0) jsonRate = measured.messagesPerCpuSecond;
  report({
    what: `WebSocket messages per CPU-second in the encoding ${name}`,
    goal: "none",
    figure: `${thousands(measured.messagesPerCpuSecond)}, ${Math.round(measured.bytesPerMessage)} bytes each`,
    met: undefined,
    note:
      `${(measured.messagesPerCpuSecond / jsonRate).toFixed(2)} of the rate of JSON; 500 clients with 50 of 200 channels each, patches of 1,000 bytes in JSON, ` +
      `10 updates a second (${described(measured)}). Each message is encoded once for 125 clients.`,
  });
}
