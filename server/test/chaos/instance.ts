/** One instance of the real program among several. Its connections to the servers can be cut, and a client stays subscribed to it. */
import { join } from "node:path";
import { freePort } from "../../../scripts/servers/ports.ts";
import { ServiceProcess, type Settings } from "../crash/service-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Subscriber } from "./subscriber.ts";

export type WayName = "store" | "nats" | "kafka" | "history";

/** Of the proxies of an instance. */
export type Ports = { readonly store: number; readonly nats: number; readonly history?: number };

type InstanceSetup = {
  readonly name: string;
  readonly folder: string;
  readonly storePort: number;
  readonly natsPort: number;
  /** Undefined in runs without a history. */
  readonly historyPort: number | undefined;
  /** Its own listener of the broker behind a proxy. Undefined: it connects directly, like all others. */
  readonly kafkaProxy: TcpProxy | undefined;
  readonly settings: (ports: Ports) => Settings;
  readonly channels: () => readonly string[];
};

export class Instance {
  readonly name: string;
  readonly ways: ReadonlyMap<WayName, TcpProxy>;
  readonly subscriber: Subscriber;
  readonly url: string;
  starts = 0;
  readonly #port: number;
  readonly #folder: string;
  readonly #settings: Settings;
  #process: ServiceProcess | undefined;
  #isExpectedToEnd = false;

  private constructor(setup: InstanceSetup, port: number, ways: Map<WayName, TcpProxy>, ports: Ports) {
    this.name = setup.name;
    this.#folder = join(setup.folder, setup.name);
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#settings = setup.settings(ports);
    if (setup.kafkaProxy !== undefined) ways.set("kafka", setup.kafkaProxy);
    this.ways = ways;
    this.subscriber = new Subscriber(`ws://127.0.0.1:${port}/ws`, setup.channels);
  }

  static async prepare(setup: InstanceSetup): Promise<Instance> {
    const { storePort, natsPort, historyPort } = setup;
    const store = await TcpProxy.start(storePort);
    const nats = await TcpProxy.start(natsPort);
    const ways = new Map<WayName, TcpProxy>([
      ["store", store],
      ["nats", nats],
    ]);
    const ports = { store: store.port, nats: nats.port };
    if (historyPort === undefined) return new Instance(setup, await freePort(), ways, ports);
    const history = await TcpProxy.start(historyPort);
    ways.set("history", history);
    return new Instance(setup, await freePort(), ways, { ...ports, history: history.port });
  }

  get isOn(): boolean {
    return this.#process !== undefined;
  }

  /** Defined once it has ended without being told to. */
  get unexpectedEnd(): string | undefined {
    const process = this.#process;
    if (process === undefined || this.#isExpectedToEnd || !process.hasExited) return undefined;
    return `instance ${this.name} ended by itself:\n${process.log}`;
  }

  get log(): string {
    return this.#process?.log ?? "";
  }

  start(): void {
    if (this.#process !== undefined) return;
    this.starts += 1;
    this.#isExpectedToEnd = false;
    this.subscriber.forget();
    this.#process = new ServiceProcess(this.#port, this.#folder, this.#settings);
  }

  async kill(): Promise<void> {
    this.#isExpectedToEnd = true;
    await this.#process?.kill("SIGKILL");
    this.#process = undefined;
  }

  /** Stops it cleanly, and returns how it ended. */
  async terminate(): Promise<{ code: number | null; log: string }> {
    this.#isExpectedToEnd = true;
    const process = this.#process;
    const ended = await process?.kill("SIGTERM");
    this.#process = undefined;
    return { code: ended?.code ?? null, log: process?.log ?? "" };
  }

  freeze(): void {
    this.#process?.child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.child.kill("SIGCONT");
  }

  async close(): Promise<void> {
    this.subscriber.close();
    await this.kill();
    for (const way of this.ways.values()) way.close();
  }
}
