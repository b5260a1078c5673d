/**
 * Four clients in a separate process, started by `fork`. Makes bodies of NDJSON on request, then posts them, one after the other for each
 * client, and reports the duration.
 */
import { Agent, request } from "node:http";
import { Workload } from "../support/workload.ts";

export type PostRequest =
  | { readonly type: "make"; readonly bodies: number; readonly swapsPerBody: number; readonly startMs: number }
  | {
      readonly type: "post";
      readonly port: number;
      readonly clients: number;
      readonly from: number;
      readonly to: number;
    };
export type PostReport =
  | { readonly type: "made"; readonly bytes: number }
  | { readonly type: "posted"; readonly seconds: number; readonly latenciesMs: readonly number[] };

const bodies: Uint8Array[] = [];

function make(count: number, swapsPerBody: number, startMs: number): number {
  const workload = new Workload({ startMs });
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const body = workload.chunk(swapsPerBody).bytes.slice();
    bodies.push(body);
    bytes += body.length;
  }
  return bytes;
}

function post(agent: Agent, port: number, body: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/x-ndjson", "content-length": body.length };
    const sent = request({ agent, port, host: "127.0.0.1", method: "POST", path: "/api/swaps", headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => {
        text += part;
      });
      answer.on("end", () => {
        if (answer.statusCode === 202) resolve();
        else reject(new Error(`POST /api/swaps: ${answer.statusCode} ${text}`));
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

async function postAll(port: number, clients: number, from: number, to: number): Promise<PostReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const latenciesMs: number[] = [];
  let next = from;
  const client = async (): Promise<void> => {
    while (next < to) {
      const body = bodies[next++] as Uint8Array;
      const startedMs = performance.now();
      await post(agent, port, body);
      latenciesMs.push(performance.now() - startedMs);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return { type: "posted", seconds: (performance.now() - startedMs) / 1000, latenciesMs };
}

process.on("message", async (message: PostRequest) => {
  const answer: PostReport =
    message.type === "make"
      ? { type: "made", bytes: make(message.bodies, message.swapsPerBody, message.startMs) }
      : await postAll(message.port, message.clients, message.from, message.to);
  process.send?.(answer);
});
process.on("disconnect", () => process.exit(0));
