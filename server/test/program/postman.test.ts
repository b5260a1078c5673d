/** The Postman collection of docs/api with its environments, run against the whole program, which asks for credentials. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import newman from "newman";
import { makeCertificates } from "../../../scripts/servers/certificates.ts";
import { startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { TestApps } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../support/tokens.ts";

const FOLDER = resolve(import.meta.dirname, "../../../docs/api/postman");
const read = (name: string) => JSON.parse(readFileSync(join(FOLDER, name), "utf8"));
/** With credentials, and with a history, which the audit needs. */
const SERVICE = {
  "stores.history": "embedded",
  ...{ "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" },
  "security.jwt.secret": SECRET,
};

type Run = { readonly failures: readonly string[]; readonly requests: number; readonly assertions: number };

/** Runs the collection with an environment, some of whose values are replaced. `caPath`: authority of the service's certificate. */
async function runCollection(name: string, values: Readonly<Record<string, string>>, caPath?: string): Promise<Run> {
  const environment = read(`${name}.postman_environment.json`);
  for (const one of environment.values) one.value = values[one.key] ?? one.value;
  const collection = read("swapstats.postman_collection.json");
  const { promise, resolve: done, reject } = Promise.withResolvers<newman.NewmanRunSummary>();
  const options = { collection, environment, timeoutRequest: 10_000 };
  newman.run(caPath === undefined ? options : { ...options, sslExtraCaCerts: caPath }, (error, summary) =>
    error === null ? done(summary) : reject(error),
  );
  const { failures, stats } = (await promise).run;
  return {
    failures: failures.map(({ source, error }) => `${source?.name}: ${error.message}`),
    requests: stats.requests.total ?? 0,
    assertions: stats.assertions.total ?? 0,
  };
}

test("every request of the Postman collection gets the documented response", async (t) => {
  const app = await new TestApps(t).start({ ...SERVICE, "security.dev_tokens": "on" });
  const { failures, requests, assertions } = await runCollection("local", { base_url: app.base });
  assert.deepEqual(failures, []);
  assert.ok(requests > 10 && assertions >= requests);
});

requires("the Postman collection over TLS", { programs: ["openssl"] }, () => {
  test("in staging, where an issuer gives tokens, every request but the one for a token gets the documented response", async (t) => {
    const certificates = makeCertificates(tempDir(t, "staging"));
    const overrides = {
      ...SERVICE,
      ...{ data_dir: tempDir(t, "data"), "api.http.addr": "127.0.0.1:0", "metrics.prometheus": "" },
      ...{ "api.http.tls.cert": certificates.cert, "api.http.tls.key": certificates.key },
    };
    const logger = createLogger({ level: "silent", format: "json" });
    const app = await startApp(loadConfig({ env: {}, overrides }).config, { logger });
    t.after(() => app.stop());
    const token = tokenOf(signingKey("HS256"), claimsAt(Date.now(), { scope: "read ingest admin" }));
    const values = { base_url: `https://localhost:${app.addresses.http?.port}`, token };
    const { failures, requests } = await runCollection("staging", values, certificates.ca);
    assert.ok(requests > 10);
    const ofToken = failures.filter((text) => text.includes("expected response to have status code 200 but got 404"));
    assert.deepEqual([ofToken.length, failures.length], [1, 2], failures.join("; "));
    assert.ok(failures.some((text) => /expected undefined to be a string/.test(text)));
  });
});
