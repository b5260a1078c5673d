/** Measures one door of live data against the WebSocket, in messages per second of the server's processor time. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { report } from "../report.ts";
import { channelsOf, type Measured, measureFanOut, middle, TOPICS, thousands } from "../support/fan-out.ts";

const PATCH_BYTES = 300;

type Way = "ws" | "sse" | "grpc";
function measure(way: Way, clients: number, count: number, seconds: number): Promise<Measured> {
  const server = [join(import.meta.dirname, "stream-server.ts"), [way, `${TOPICS}`, `${PATCH_BYTES}`]] as const;
  const channels = channelsOf(clients, count);
  if (way !== "ws") {
    return measureFanOut(server, [join(import.meta.dirname, "clients.ts"), [way]], { channels }, seconds);
  }
  const requests = channels.map((subscribe) => JSON.stringify({ subscribe }));
  return measureFanOut(server, [join(import.meta.dirname, "..", "ws", "clients.ts"), []], { requests }, seconds);
}

const described = ({ messagesPerCpuSecond, messagesPerSecond, core, bytesPerMessage }: Measured): string =>
  `${thousands(messagesPerCpuSecond)} (${thousands(messagesPerSecond)}/s at ${core.toFixed(2)} core, ${Math.round(bytesPerMessage)} bytes a message)`;

/** Measures, and reports one row. `clients`: of the door and of the WebSocket; `count`: channels of each. */
export async function compareWithWebSocket(
  what: string,
  way: Exclude<Way, "ws">,
  clients: number,
  count: number,
): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "4" }, rounds: { type: "string", default: "3" } },
  });
  const rounds = Number(values.rounds);
  const own: Measured[] = [];
  const baseline: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    baseline.push(await measure("ws", clients, count, Number(values.seconds)));
    own.push(await measure(way, clients, count, Number(values.seconds)));
  }
  const [door, ws] = [middle(own), middle(baseline)];
  report({
    what,
    goal: "none; the WebSocket is beside it",
    figure: `${thousands(door.messagesPerCpuSecond)} messages per CPU-second`,
    met: undefined,
    note:
      `${clients} clients with ${count} channels each, at 10 updates a second, patches of about ${PATCH_BYTES} bytes, median of ${rounds} rounds: ${described(door)}; ` +
      `the WebSocket with the same clients: ${described(ws)}.`,
  });
}
