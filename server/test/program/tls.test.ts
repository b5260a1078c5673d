/** The whole program over TLS: live data over a WebSocket, through a change of the certificate. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { makeCertificates } from "../../../scripts/servers/certificates.ts";
import { startApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createLogger } from "../../src/observability/logger.ts";
import type { Json } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { tempDir } from "../support/tmp.ts";

const ID = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const swap = (i: number): string =>
  JSON.stringify({
    ...{ chain_id: 1, tx_hash: `0x${"5e".repeat(31)}${String(i).padStart(2, "0")}`, log_index: 1, token: ID.slice(2) },
    ...{ token_symbol: "WETH", who: `0x${"11".repeat(20)}`, side: "buy", amount_token: "1.5", amount_usd: "2775.3" },
    event_time: Date.now(),
  });

requires("the program over TLS", { programs: ["openssl"] }, () => {
  test("a WebSocket over TLS gets patches before and after the certificate has changed", async (t) => {
    const [old, next] = [makeCertificates(tempDir(t, "old")), makeCertificates(tempDir(t, "next"))];
    const authorities = [readFileSync(old.ca), readFileSync(next.ca)];
    const fixed = { data_dir: tempDir(t, "data"), "api.http.addr": "127.0.0.1:0", "metrics.prometheus": "" };
    const overrides = { ...fixed, "api.http.tls.cert": old.cert, "api.http.tls.key": old.key };
    const lines: string[] = [];
    const logger = createLogger({ level: "info", format: "json" }, { write: (line) => void lines.push(line) });
    const app = await startApp(loadConfig({ env: {}, overrides }).config, { logger });
    t.after(() => app.stop());
    const at = `127.0.0.1:${app.addresses.http?.port}`;
    /** Posts a swap on a connection of its own. Resolves to the number of the certificate. */
    const post = async (i: number): Promise<string> => {
      const headers = { "content-type": "application/json" };
      const asked = request(`https://${at}/api/swaps`, { method: "POST", headers, ca: authorities, agent: false });
      asked.end(swap(i));
      const [response] = await once(asked, "response");
      response.resume();
      assert.equal(response.statusCode, 202);
      return (response.socket as TLSSocket).getPeerCertificate().serialNumber;
    };
    const before = await post(1);
    const socket = new WebSocket(`wss://${at}/ws`, { ca: authorities });
    let trades = 0;
    socket.on("message", (data) => {
      const { data: snapshot, patch } = JSON.parse(String(data)) as Json;
      trades = (snapshot ?? patch)?.windows?.["5m"]?.trades ?? trades;
    });
    await once(socket, "open");
    socket.send(JSON.stringify({ subscribe: `token:${ID}`, windows: ["5m"] }));
    const until = async (count: number): Promise<void> => {
      while (trades < count) await once(socket, "message");
    };
    await until(1);
    copyFileSync(next.cert, old.cert);
    copyFileSync(next.key, old.key);
    while (!lines.some((line) => line.includes("a new certificate")))
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.notEqual(await post(2), before);
    await until(2);
    assert.equal(socket.readyState, WebSocket.OPEN);
    socket.terminate();
  });
});
