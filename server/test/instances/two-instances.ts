/** Two instances with all doors, credentials and limits, as processes of the program behind the load balancer of `deploy/`. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Producer } from "@platformatic/kafka";
import { startBalancer } from "../../../scripts/servers/haproxy.ts";
import { freePorts } from "../../../scripts/servers/ports.ts";
import { HOST, waitFor } from "../../../scripts/servers/process.ts";
import { hashOfKey, keyLine, newApiKey } from "../../src/access/identity/api-keys.ts";
import { partitionOfTokenId } from "../../src/shared/token-partition.ts";
import { ServiceProcess, type Settings } from "../crash/service-process.ts";
import { newProducer, newTopic, sendToPartitions } from "../support/kafka-support.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../support/tokens.ts";
import { type Swap, SwapStream } from "./feed.ts";
import { Instance, Site } from "./site.ts";

const PARTITIONS = 4;
const SEED = 4_711;
/** Everything is 2 minutes old, so that a model of time never runs ahead of the clock. */
const STARTED_MS = Date.now() - 2 * 60_000;
/** Of senders without valid credentials, at once; nothing comes back within a test. */
export const ADDRESS_BURST = 10;
/** Of a subject of tokens, at once: more than all comparisons of a test cost. */
const SUBJECT_BURST = 50_000;

/** Between the swaps of a flow. */
const FLOW_MS = 100;

const KEY = signingKey("HS256");

/** A token of a subject. */
export const tokenFor = (sub: string, scope: string): string => tokenOf(KEY, claimsAt(Date.now(), { sub, scope }));

type Ports = { readonly http: number; readonly grpc: number };

// biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes
export type Body = any;

export class TwoInstances {
  readonly apiKey = newApiKey();
  readonly topic: string;
  readonly balancer: Awaited<ReturnType<typeof startBalancer>>;
  /** By name. A stopped one is not in it. */
  readonly running = new Map<string, Instance>();
  readonly #sent = new Map<string, number>();
  readonly #site: Site;
  readonly #folder: string;
  readonly #ports: ReadonlyMap<string, Ports>;
  readonly #producer: Producer;
  readonly #stream = new SwapStream({ seed: SEED, startMs: STARTED_MS });

  private constructor(
    site: Site,
    folder: string,
    topic: string,
    ports: ReadonlyMap<string, Ports>,
    balancer: Awaited<ReturnType<typeof startBalancer>>,
  ) {
    this.#site = site;
    this.#folder = folder;
    this.topic = topic;
    this.#ports = ports;
    this.balancer = balancer;
    this.#producer = newProducer(site.kafka.brokers);
    const line = keyLine({ name: "reader", scopes: new Set(["read"]), hash: hashOfKey(this.apiKey) });
    writeFileSync(this.#keysFile, `${line}\n`);
  }

  /** Resolves when the servers and the balancer run. No instance runs yet. */
  static async prepare(folder: string): Promise<TwoInstances> {
    const site = await Site.start(folder);
    const topic = await newTopic(site.kafka, PARTITIONS);
    const [http1 = 0, grpc1 = 0, http2 = 0, grpc2 = 0] = await freePorts(4);
    const [one, two]: [Ports, Ports] = [
      { http: http1, grpc: grpc1 },
      { http: http2, grpc: grpc2 },
    ];
    const balancer = await startBalancer(join(folder, "haproxy"), [one, two]);
    return new TwoInstances(
      ...([site, folder, topic] as const),
      new Map([
        ["one", one],
        ["two", two],
      ]),
      balancer,
    );
  }

  get #keysFile(): string {
    return join(this.#folder, "api-keys");
  }

  get #headers(): Record<string, string> {
    return { authorization: `Bearer ${tokenFor("operator", "admin")}` };
  }

  start(name: string): Instance {
    const { http, grpc } = this.#ports.get(name) as Ports;
    const settings = this.#site.settings(this.topic, name, { ...DOORS, ...this.#own(grpc) });
    const folder = join(this.#folder, name);
    const instance = new Instance(name, new ServiceProcess(http, folder, settings), this.#headers);
    this.running.set(name, instance);
    return instance;
  }

  #own(grpc: number): Settings {
    return { SWAPSTATS_API_GRPC_ADDR: `${HOST}:${grpc}`, SWAPSTATS_SECURITY_API_KEYS_PATH: this.#keysFile };
  }

  async kill(name: string): Promise<void> {
    const instance = this.running.get(name) as Instance;
    this.running.delete(name);
    await instance.kill();
  }

  /** SIGTERM. Resolves when it has ended in order. */
  async drain(name: string): Promise<void> {
    const instance = this.running.get(name) as Instance;
    this.running.delete(name);
    await instance.stop();
  }

  /** Resolves when the running instances own all partitions, and have applied all that was sent. */
  async settled(): Promise<void> {
    const instances = [...this.running.values()];
    await this.#site.settled(this.topic, instances);
    for (const { url } of instances) await waitFor("ready", async () => (await fetch(`${url}/readyz`)).ok);
  }

  /** Resolves when the broker has these further swaps. */
  async send(count: number): Promise<void> {
    const messages = this.#stream.next(count).map((swap) => this.#messageOf(swap));
    await sendToPartitions(this.#producer, this.topic, messages);
  }

  /** Sends a few swaps again and again until `end`, which resolves when the broker has all. */
  flow(): { readonly end: () => Promise<void> } {
    let isEnding = false;
    const run = async (): Promise<void> => {
      while (!isEnding) {
        await this.send(5);
        await pause(FLOW_MS);
      }
    };
    const running = run();
    return {
      end: () => {
        isEnding = true;
        return running;
      },
    };
  }

  /** Returns the ids of the tokens with the most swaps so far. */
  busiest(count: number): string[] {
    const byCount = [...this.#sent].sort(([, a], [, b]) => b - a);
    return byCount.slice(0, count).map(([id]) => id);
  }

  #messageOf({ id, value, arrivalMs }: Swap) {
    this.#sent.set(id, (this.#sent.get(id) ?? 0) + 1);
    const partition = partitionOfTokenId(id, PARTITIONS);
    const timestamp = BigInt(arrivalMs);
    return { topic: this.topic, partition, key: Buffer.from(id), value: Buffer.from(value), timestamp };
  }

  /** A call through the balancer, or at the address of an instance, with a token of scope `read` unless headers are given. */
  async call(path: string, init: RequestInit = {}, base = `http://${this.balancer.clients}`): Promise<Body> {
    const headers = { authorization: `Bearer ${tokenFor("caller", "read")}`, "content-type": "application/json" };
    const response = await fetch(base + path, { ...init, headers: { ...headers, ...init.headers } });
    const text = await response.text();
    assert.equal(response.status, 200, `${path}: ${text}`);
    return JSON.parse(text);
  }

  async stop(): Promise<void> {
    for (const instance of this.running.values()) await instance.kill();
    this.balancer.kill();
    await this.#producer.close();
    await this.#site.stop();
  }
}

const DOORS: Settings = {
  SWAPSTATS_API_UDF: "on",
  SWAPSTATS_API_MCP: "on",
  SWAPSTATS_API_WS_COMPRESSION: "on",
  SWAPSTATS_SECURITY_MODE: "required",
  SWAPSTATS_SECURITY_JWT_ENABLED: "on",
  SWAPSTATS_SECURITY_JWT_ALG: "HS256",
  SWAPSTATS_SECURITY_JWT_SECRET: SECRET,
  SWAPSTATS_RATE_LIMIT_BY_JWT_BURST: String(SUBJECT_BURST),
  SWAPSTATS_RATE_LIMIT_BY_JWT_REFILL_PER_SEC: "1000",
  SWAPSTATS_RATE_LIMIT_BY_IP_BURST: String(ADDRESS_BURST),
  SWAPSTATS_RATE_LIMIT_BY_IP_REFILL_PER_SEC: "0.001",
  SWAPSTATS_RATE_LIMIT_TRUSTED_PROXIES: HOST,
};
