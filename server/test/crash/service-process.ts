/** The real program in a child process: started, killed, called over HTTP. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

export const MAIN = resolve(import.meta.dirname, "../../src/main.ts");
const POLL_MS = 10;
const START_LIMIT_MS = 300_000;

export type Settings = Readonly<Record<string, string>>;

export type ServiceStatus = {
  partitions: {
    partition: number;
    next_offset: number;
    end_offset: number;
    lag: number;
    state: string;
    problems: string[];
    checkpoint?: { offset: number; time: number; bytes: number };
  }[];
  counters: Record<string, unknown> & { accepted: number };
};

export class ServiceProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  #log = "";

  constructor(port: number, dataDir: string, settings: Settings) {
    this.url = `http://127.0.0.1:${port}`;
    const env: Record<string, string | undefined> = {
      PATH: process.env.PATH,
      SWAPSTATS_DATA_DIR: dataDir,
      SWAPSTATS_API_HTTP_ADDR: `127.0.0.1:${port}`,
      SWAPSTATS_METRICS_PROMETHEUS: "",
      SWAPSTATS_LOGGING_LEVEL: "warn",
      SWAPSTATS_LOGGING_FORMAT: "json",
      ...settings,
    };
    this.child = spawn(process.execPath, [MAIN, "serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#log = (this.#log + chunk.toString()).slice(-20_000);
      });
    }
    this.exited = once(this.child, "exit").then(([code, signal]) => ({ code, signal }));
  }

  /** The end of its output. */
  get log(): string {
    return this.#log;
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Resolves when it is ready for traffic and has applied the whole log. */
  async caughtUp(): Promise<ServiceStatus> {
    const limitMs = performance.now() + START_LIMIT_MS;
    for (;;) {
      assert.ok(!this.hasExited, `the service ended by itself:\n${this.#log}`);
      assert.ok(performance.now() < limitMs, `the service did not get ready:\n${this.#log}`);
      const ready = await fetch(`${this.url}/readyz`).catch(() => undefined);
      await ready?.arrayBuffer();
      if (ready?.status === 200) {
        const status = await this.status();
        if (status.partitions.every(({ lag }) => lag === 0)) return status;
      }
      await pause(POLL_MS);
    }
  }

  async status(): Promise<ServiceStatus> {
    return (await fetch(`${this.url}/api/status`)).json() as Promise<ServiceStatus>;
  }

  /** Returns the number of accepted events. Rejects when the connection broke and the outcome is unknown. `query`: that of the call. */
  async post(body: string, query = ""): Promise<number> {
    const response = await fetch(`${this.url}/api/swaps${query}`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body,
    });
    const text = await response.text();
    if (response.status !== 202) throw new Error(`POST /api/swaps${query}: ${response.status} ${text}`);
    return (JSON.parse(text) as { accepted: number }).accepted;
  }

  kill(signal: NodeJS.Signals): Promise<{ code: number | null; signal: string | null }> {
    this.child.kill(signal);
    return this.exited;
  }
}
