/**
 * Redis for tests: one server, a master with a replica and three Sentinels, or a Cluster of three masters with a replica each. Nothing is
 * written to disk unless requested, so a server that is killed and restarted is empty.
 */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Certificates } from "./certificates.ts";
import { requireProgram, requireServer } from "./install.ts";
import { freePort, freePorts } from "./ports.ts";
import { HOST, type ServerProcess, startProcess, waitFor, waitUntilReady } from "./process.ts";

type RedisOptions = {
  /** Folder of this server only, with its configuration and its log. */
  readonly folder: string;
  /** Default: a free port. */
  readonly port?: number;
  /** The only user with permissions. Default: everybody has all permissions. */
  readonly user?: RedisUser;
  /** TLS only. Clients need no certificate. */
  readonly tls?: Certificates;
  /** Writes every change to disk (an append-only file). */
  readonly durable?: boolean;
  /** Further lines of its configuration file. */
  readonly lines?: readonly string[];
};

export type RedisUser = { readonly name: string; readonly password: string };

export type RedisServer = Pick<ServerProcess, "pid" | "exited" | "stop" | "kill" | "signal"> & {
  readonly host: string;
  readonly port: number;
  /** Runs a command as redis-cli takes it, and returns its output. */
  command(...args: readonly string[]): Promise<string>;
};

const execute = promisify(execFile);
const COMMAND_LIMIT_MS = 10_000;

export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const { folder, user, tls, durable = false, lines = [] } = options;
  const port = options.port ?? (await freePort());
  const users = user === undefined ? [] : ["user default off", `user ${user.name} on >${user.password} ~* &* +@all`];
  const replication = user === undefined ? [] : [`masteruser ${user.name}`, `masterauth ${user.password}`];
  const config = [
    `bind ${HOST}`,
    ...listenLines(port, tls),
    `dir ${folder}`,
    'save ""',
    `appendonly ${durable ? "yes" : "no"}`,
    "appendfsync always",
    "repl-diskless-sync-delay 0",
    ...users,
    ...replication,
    ...lines,
  ];
  return launch("redis", options, port, config, []);
}

/** Starts redis-server with this configuration and waits until it responds. */
async function launch(
  name: string,
  { folder, user, tls }: RedisOptions,
  port: number,
  config: readonly string[],
  args: readonly string[],
): Promise<RedisServer> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, `${config.join("\n")}\n`);
  const server = startProcess({ name, command: requireServer("redis"), args: [file, ...args], folder });
  const access = [
    ...(tls === undefined ? [] : ["--tls", "--cacert", tls.ca]),
    ...(user === undefined ? [] : ["--user", user.name, "--pass", user.password, "--no-auth-warning"]),
  ];
  const client = requireProgram("redis-cli");
  const command = async (...words: readonly string[]): Promise<string> => {
    const { stdout } = await execute(client, ["-h", HOST, "-p", String(port), ...access, "-e", ...words], {
      timeout: COMMAND_LIMIT_MS,
    });
    return stdout.trim();
  };
  await waitUntilReady(server, async () => (await command("ping")) === "PONG");
  const { pid, exited, stop, kill, signal } = server;
  return { host: HOST, port, pid, exited, stop, kill, signal, command };
}

function listenLines(port: number, tls: Certificates | undefined): string[] {
  if (tls === undefined) return [`port ${port}`];
  const files = [`tls-cert-file ${tls.cert}`, `tls-key-file ${tls.key}`, `tls-ca-cert-file ${tls.ca}`];
  return ["port 0", `tls-port ${port}`, ...files, "tls-auth-clients no", "tls-replication yes", "tls-cluster yes"];
}

export type RedisSentinels = {
  readonly masterName: string;
  readonly nodes: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  /** The node that the Sentinels name as the master now. */
  master(): Promise<RedisServer>;
  stop(): Promise<void>;
};

const MASTER_NAME = "main";
const SENTINELS = 3;
/** A master that is silent for this long is considered down. A smaller value causes false alarms on a loaded machine. */
const DOWN_AFTER_MS = 1_500;

/** A master, its replica, and three Sentinels that agree. The Sentinels have the user's password, if there is one. */
export async function startRedisSentinels(options: Omit<RedisOptions, "port">): Promise<RedisSentinels> {
  const { folder } = options;
  const master = await startRedis({ ...options, folder: join(folder, "node-0") });
  const follow = [`replicaof ${HOST} ${master.port}`];
  const replica = await startRedis({ ...options, folder: join(folder, "node-1"), lines: follow });
  const nodes = [master, replica];
  await waitForReplica(replica);
  const ports = await freePorts(SENTINELS);
  const sentinels = await Promise.all(ports.map((port, i) => startSentinel(options, i, port, master.port)));
  const named = async (sentinel: RedisServer): Promise<number> =>
    Number((await sentinel.command("sentinel", "get-master-addr-by-name", MASTER_NAME)).split("\n")[1]);
  await Promise.all(sentinels.map((sentinel) => waitForAgreement(sentinel)));
  return {
    masterName: MASTER_NAME,
    nodes,
    sentinels,
    master: async () => {
      const port = await named(sentinels[0]!);
      return nodes.find((node) => node.port === port)!;
    },
    stop: async () => {
      await Promise.all(sentinels.map((sentinel) => sentinel.stop()));
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

function startSentinel(options: RedisOptions, i: number, port: number, masterPort: number): Promise<RedisServer> {
  const { user, tls } = options;
  const folder = join(options.folder, `sentinel-${i}`);
  const access =
    user === undefined
      ? []
      : [
          `sentinel auth-user ${MASTER_NAME} ${user.name}`,
          `sentinel auth-pass ${MASTER_NAME} ${user.password}`,
          `requirepass ${user.password}`,
          `sentinel sentinel-pass ${user.password}`,
        ];
  const config = [
    `bind ${HOST}`,
    ...listenLines(port, tls),
    `dir ${folder}`,
    `sentinel monitor ${MASTER_NAME} ${HOST} ${masterPort} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} 10000`,
    ...access,
  ];
  const own = user === undefined ? options : { ...options, user: { name: "default", password: user.password } };
  return launch("sentinel", { ...own, folder }, port, config, ["--sentinel"]);
}

async function waitForReplica(replica: RedisServer): Promise<void> {
  await waitFor("the replica follows its master", async () =>
    (await replica.command("info", "replication")).includes("master_link_status:up"),
  );
}

async function waitForAgreement(sentinel: RedisServer): Promise<void> {
  await waitFor("the Sentinels know each other and the replica", async () => {
    const known = await sentinel.command("info", "sentinel");
    return known.includes(`slaves=1,sentinels=${SENTINELS}`);
  });
}

export type RedisCluster = {
  /** Three masters, then their replicas in the same order. */
  readonly nodes: readonly RedisServer[];
  /** Returns the index of the node that is the master of this key now. */
  masterOf(key: string): Promise<number>;
  stop(): Promise<void>;
};

const MASTERS = 3;
const SLOTS = 16_384;

export async function startRedisCluster(options: Omit<RedisOptions, "port">): Promise<RedisCluster> {
  const ports = await freePorts(MASTERS * 4);
  const busPorts = ports.slice(MASTERS * 2);
  const nodes = await Promise.all(
    busPorts.map((busPort, i) => {
      const cluster = ["cluster-enabled yes", `cluster-port ${busPort}`, "cluster-node-timeout 2000"];
      const lines = [...cluster, "cluster-replica-validity-factor 0"];
      return startRedis({ ...options, folder: join(options.folder, `node-${i}`), port: ports[i]!, lines });
    }),
  );
  await joinCluster(nodes, busPorts);
  return {
    nodes,
    masterOf: async (key) => masterIndex(nodes, key),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function joinCluster(nodes: readonly RedisServer[], busPorts: readonly number[]): Promise<void> {
  const edge = (i: number): number => Math.floor((SLOTS * i) / MASTERS);
  for (const [i, node] of nodes.entries()) {
    await node.command("cluster", "set-config-epoch", String(i + 1));
    if (i < MASTERS) await node.command("cluster", "addslotsrange", String(edge(i)), String(edge(i + 1) - 1));
    if (i > 0) await nodes[0]!.command("cluster", "meet", HOST, String(node.port), String(busPorts[i]));
  }
  const everywhere = (what: string, sign: string): Promise<unknown> =>
    Promise.all(nodes.map((node) => waitFor(what, async () => (await node.command("cluster", "info")).includes(sign))));
  await everywhere("all nodes know each other", `cluster_known_nodes:${nodes.length}`);
  await everywhere("all slots are served", "cluster_state:ok");
  for (const [i, node] of nodes.entries()) {
    if (i < MASTERS) continue;
    const masterId = await nodes[i - MASTERS]!.command("cluster", "myid");
    await waitFor("a replica is accepted", async () => (await node.command("cluster", "replicate", masterId)) === "OK");
    await waitForReplica(node);
  }
}

async function masterIndex(nodes: readonly RedisServer[], key: string): Promise<number> {
  for (const asked of nodes) {
    try {
      const slot = Number(await asked.command("cluster", "keyslot", key));
      const table: unknown = JSON.parse(await asked.command("--json", "cluster", "slots"));
      for (const [from, to, [, port]] of table as [number, number, [string, number]][]) {
        if (slot >= from && slot <= to) return nodes.findIndex((node) => node.port === port);
      }
    } catch {
      // This node is down. The next one has the same information.
    }
  }
  throw new Error(`no node of the Cluster answers for ${key}`);
}
