/** Free ports for servers that must be told theirs. */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { HOST } from "./process.ts";

const FIRST_PORT = 12_000;
/** The system gives ports from there on to outgoing connections. The setting of Linux, and the default where there is none. */
const EPHEMERAL_FILE = "/proc/sys/net/ipv4/ip_local_port_range";
const EPHEMERAL_FIRST = 32_768;
const TRIES_MAX = 1_000;

/** Ports that this process has given away. */
const given = new Set<number>();

/**
 * Returns free ports. This process gets each port once. They are below the ports of outgoing connections: such a connection could take the
 * port of a server that is killed and started again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

export async function freePort(): Promise<number> {
  const end = ephemeralFirst();
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (end - FIRST_PORT));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${end}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

/** Returns the default where the system leaves hardly any room below its own ports. */
function ephemeralFirst(): number {
  try {
    const first = Number.parseInt(readFileSync(EPHEMERAL_FILE, "utf8"), 10);
    return first > FIRST_PORT + TRIES_MAX ? first : EPHEMERAL_FIRST;
  } catch {
    return EPHEMERAL_FIRST;
  }
}
