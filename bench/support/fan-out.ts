/** Measures a server of made-up updates and the clients of one process, in messages per second of the server's processor time. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** Channels that have updates. */
export const TOPICS = 200;
const WARM_UP_MS = 2_000;
const LOOK_MS = 500;
const OPEN_TIME_MS = 120_000;

/** A file that `fork` starts, and its arguments. */
type Forked = readonly [file: string, args: readonly string[]];
/** A server sends its port, and the processor time that it used whenever it gets a message. */
type Listening = { readonly port: number };
type Cpu = { readonly seconds: number };
/** Clients send a message when all are open, and their counts when they are asked. */
type Counted = { readonly messages: number; readonly bytes: number; readonly closed: number };

export type Measured = {
  readonly messagesPerCpuSecond: number;
  readonly messagesPerSecond: number;
  readonly core: number;
  readonly bytesPerMessage: number;
};

/** The same channels in every run: each client has `count` of its own. */
export function channelsOf(clients: number, count: number): string[][] {
  return Array.from({ length: clients }, (_, client) => {
    const step = 1 + 2 * (client % 7);
    return [...new Set(Array.from({ length: count }, (_, i) => `token:1:${(client * 31 + i * step) % TOPICS}`))];
  });
}

/**
 * `opening`: members of the message that opens the clients. Measures when they have received `openMessages`, so that thousands of clients have their
 * channels before.
 */
export async function measureFanOut(
  server: Forked,
  crowd: Forked,
  opening: object,
  seconds: number,
  openMessages = 0,
): Promise<Measured> {
  const service = fork(...server);
  const clients = fork(...crowd);
  try {
    const { port } = await messageOf<Listening>(service);
    clients.send({ type: "open", port, ...opening });
    await once(clients, "message");
    await sleep(WARM_UP_MS);
    const look = async () => {
      service.send("cpu");
      clients.send({ type: "count" });
      const [cpu, counted] = await Promise.all([messageOf<Cpu>(service), messageOf<Counted>(clients)]);
      if (counted.closed > 0) throw new Error(`${counted.closed} clients were closed`);
      return { ...counted, cpu: cpu.seconds, atMs: performance.now() };
    };
    for (const startMs = performance.now(); (await look()).messages < openMessages; await sleep(LOOK_MS)) {
      if (performance.now() - startMs > OPEN_TIME_MS) throw new Error("the clients did not get all their channels");
    }
    const before = await look();
    await sleep(seconds * 1_000);
    const after = await look();
    const messages = after.messages - before.messages;
    const took = (after.atMs - before.atMs) / 1_000;
    const cpu = after.cpu - before.cpu;
    return {
      ...{ messagesPerCpuSecond: messages / cpu, messagesPerSecond: messages / took, core: cpu / took },
      bytesPerMessage: (after.bytes - before.bytes) / messages,
    };
  } finally {
    service.kill("SIGKILL");
    clients.kill("SIGKILL");
  }
}

const messageOf = async <M>(child: ChildProcess): Promise<M> => ((await once(child, "message")) as [M])[0];

/** Returns the run with the median rate. */
export function middle(rounds: readonly Measured[]): Measured {
  const sorted = [...rounds].sort((a, b) => a.messagesPerCpuSecond - b.messagesPerCpuSecond);
  return sorted[sorted.length >> 1] as Measured;
}

export const thousands = (n: number): string => `${Math.round(n / 1_000)}k`;
