/** The load balancer of `deploy/` for tests: its own configuration, with addresses of this machine. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { freePorts } from "./ports.ts";
import { HOST, type ServerProcess, startProcess, waitUntilReady } from "./process.ts";

const CONFIG = resolve(import.meta.dirname, "../../deploy/haproxy.cfg");

/** Ports of one instance. */
type InstancePorts = { readonly http: number; readonly grpc: number };

type Balancer = Pick<ServerProcess, "kill" | "exited"> & {
  /** `host:port` for HTTP and everything that begins with HTTP. */
  readonly clients: string;
  /** `host:port` for gRPC. */
  readonly grpc: string;
};

/** Starts it in front of two instances. */
export async function startBalancer(
  folder: string,
  [one, two]: readonly [InstancePorts, InstancePorts],
): Promise<Balancer> {
  mkdirSync(folder, { recursive: true });
  const [clients = 0, grpc = 0, health = 0] = await freePorts(3);
  // Addresses differ, because there is no other container and no container DNS here, and a test needs few file handles.
  const config = readFileSync(CONFIG, "utf8")
    .replaceAll("swapstats-1:8080", `${HOST}:${one.http}`)
    .replaceAll("swapstats-2:8080", `${HOST}:${two.http}`)
    .replaceAll("swapstats-1:9090", `${HOST}:${one.grpc}`)
    .replaceAll("swapstats-2:9090", `${HOST}:${two.grpc}`)
    .replace("bind :8080", `bind ${HOST}:${clients}`)
    .replace("bind :9090", `bind ${HOST}:${grpc}`)
    .replace("bind :8405", `bind ${HOST}:${health}`)
    .replace("maxconn 20000", "maxconn 200")
    .replaceAll("inter 1s", "inter 50ms");
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, config);
  const server = startProcess({ name: "haproxy", command: "haproxy", args: ["-db", "-f", file], folder });
  await waitUntilReady(server, async () => (await fetch(`http://${HOST}:${health}/healthz`)).ok);
  const { kill, exited } = server;
  return { kill, exited, clients: `${HOST}:${clients}`, grpc: `${HOST}:${grpc}` };
}
