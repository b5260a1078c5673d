/**
 * The whole program in this process, on a data folder and free ports. It is called over HTTP, and every response is checked against its
 * OpenAPI document.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type App, startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createLogger } from "../../src/observability/logger.ts";
import type { OpenApiDocument } from "../../src/serving/http/openapi.ts";
import { ResponseChecker } from "../serving/http/response-checker.ts";
import { tempDir } from "./tmp.ts";
import { within } from "./within.ts";

type AppResponse = { status: number; headers: Headers; text: string; json: Json };
// biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of many shapes, which the document has checked
export type Json = any;

export type RunningApp = {
  app: App;
  base: string;
  metricsBase: string;
  call: (path: string, init?: RequestInit) => Promise<AppResponse>;
  /** Posts swaps and asserts how many were accepted. */
  post: (swaps: readonly object[], accepted?: number) => Promise<AppResponse>;
  /** Resolves when every acknowledged swap is in the state. */
  caughtUp: () => Promise<Json>;
};

/** One data folder, on which the program can be started repeatedly. Everything is removed after the test. */
export class TestApps {
  readonly dataDir: string;
  readonly #started: App[] = [];

  constructor(t: TestContext) {
    // Registered before the folder is made: hooks run in this order, and the folder must be removed last.
    t.after(async () => {
      for (const app of this.#started) await app.stop();
    });
    this.dataDir = tempDir(t, "http");
  }

  /** `filePath`: a configuration file; `headers`: credentials of all calls. */
  async start(
    overrides: Record<string, string> = {},
    filePath?: string,
    headers: Record<string, string> = {},
  ): Promise<RunningApp> {
    const fixed = { data_dir: this.dataDir, "api.http.addr": "127.0.0.1:0", "metrics.prometheus": "127.0.0.1:0" };
    const { config } = loadConfig({ filePath, env: {}, overrides: { ...fixed, ...overrides } });
    const logger = createLogger({ level: "silent", format: "json" });
    const failed = (error: Error) => assert.fail(error);
    const app = await startApp(config, { version: "0.0.0-test", logger, onFatal: failed });
    this.#started.push(app);
    return runningApp(app, headers);
  }
}

async function runningApp(app: App, credentials: Record<string, string>): Promise<RunningApp> {
  const base = `http://127.0.0.1:${app.addresses.http?.port}`;
  const document = (await (await fetch(`${base}/openapi.json`)).json()) as OpenApiDocument;
  const checker = new ResponseChecker(document);
  const call = async (path: string, init: RequestInit = {}): Promise<AppResponse> => {
    const response = await fetch(base + path, { ...init, headers: { ...credentials, ...init.headers } });
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    checker.check(init.method ?? "GET", path, response.status, type, text, response.headers);
    return { status: response.status, headers: response.headers, text, json: text === "" ? {} : JSON.parse(text) };
  };
  return {
    app,
    base,
    metricsBase: `http://127.0.0.1:${app.addresses.metrics?.port}`,
    call,
    post: async (swaps, accepted = swaps.length) => {
      const headers = { "content-type": "application/json" };
      const answer = await call("/api/swaps", { method: "POST", headers, body: JSON.stringify(swaps) });
      assert.equal(answer.json.accepted, accepted, answer.text);
      return answer;
    },
    caughtUp: () => {
      let newest: Json;
      const lookAgain = async (): Promise<Json> => {
        for (;;) {
          newest = (await call("/api/status")).json;
          if (newest.partitions.every((partition: Json) => partition.lag === 0)) return newest;
        }
      };
      return within(lookAgain(), () => `the service does not catch up: ${JSON.stringify(newest)}`);
    },
  };
}
