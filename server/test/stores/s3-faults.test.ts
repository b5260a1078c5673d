import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { freePort } from "../../../scripts/servers/ports.ts";
import { type S3Server, startS3 } from "../../../scripts/servers/s3.ts";
import type { S3Config } from "../../src/config/build/stores.ts";
import { S3CheckpointStore } from "../../src/stores/s3-checkpoint-store.ts";
import { requires } from "../support/requires.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { tempDir } from "../support/tmp.ts";
import { s3Settings } from "./backends.ts";
import { assertAllFail, textOf, toBytes } from "./store-faults.ts";

const LIMIT_MS = 2_000;

async function started(t: TestContext): Promise<S3Server> {
  const server = await startS3({ folder: tempDir(t, "s3") });
  t.after(server.stop);
  return server;
}

function storeOf(t: TestContext, s3: S3Config, limitMs = LIMIT_MS): S3CheckpointStore {
  const store = new S3CheckpointStore({ s3, limitMs });
  t.after(() => store.close());
  return store;
}

requires("faults of S3", { servers: ["versitygw"] }, () => {
  test("a wrong secret, an unknown key and a missing bucket are reported", async (t) => {
    const settings = s3Settings(await started(t), "x");
    await assertAllFail(storeOf(t, { ...settings, secretKey: "another" }), /SignatureDoesNotMatch.*403/);
    await assertAllFail(storeOf(t, { ...settings, accessKey: "nobody" }), /InvalidAccessKeyId|UserNotFound/);
    await assertAllFail(storeOf(t, { ...settings, bucket: "no-such-bucket" }), /NoSuchBucket.*404/);
  });

  test("calls fail while the server is killed, and everything is stored when it is back", async (t) => {
    const folder = tempDir(t, "s3");
    const port = await freePort();
    const first = await startS3({ folder, port });
    const store = storeOf(t, s3Settings(first, "x"));
    const version = await store.swapManifest(0, toBytes("first"), undefined);
    await store.putPart(0, "base-1-0", toBytes("part"));
    first.kill();
    await first.exited;
    await assertAllFail(store, /ECONNREFUSED|ECONNRESET|EPIPE|socket hang up/);
    const second = await startS3({ folder, port });
    t.after(second.stop);
    const found = await store.readManifest(0);
    assert.deepEqual([textOf(found?.bytes), found?.version], ["first", version]);
    assert.equal(textOf(await store.getPart(0, "base-1-0")), "part");
    await store.swapManifest(0, toBytes("second"), version);
  });

  test("an emptied server accepts no earlier version", async (t) => {
    const port = await freePort();
    const first = await startS3({ folder: tempDir(t, "s3"), port });
    const store = storeOf(t, s3Settings(first, "x"));
    const version = await store.swapManifest(0, toBytes("first"), undefined);
    await first.stop();
    const second = await startS3({ folder: tempDir(t, "s3"), port });
    t.after(second.stop);
    assert.equal(await store.readManifest(0), undefined);
    await assert.rejects(store.swapManifest(0, toBytes("second"), version), { code: "checkpoint_conflict" });
    await store.swapManifest(0, toBytes("second"), undefined);
  });

  test("every call times out at a server that accepts connections and never responds", async (t) => {
    const server = await started(t);
    const proxy = await TcpProxy.start(server.port);
    t.after(async () => proxy.close());
    proxy.mode = "silent";
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const store = storeOf(t, { ...s3Settings(server, "x"), endpoint }, 200);
    await assertAllFail(store, /took longer than 200 ms|timed? ?out/i);
  });

  test("responses 500 and 503, and truncated responses, are retryable failures", async (t) => {
    const answers = createServer((_request, response) => respond(response));
    let respond = (_response: ServerResponse): void => {};
    answers.listen(0, "127.0.0.1");
    await once(answers, "listening");
    t.after(async () => {
      answers.closeAllConnections();
      answers.close();
    });
    const endpoint = `http://127.0.0.1:${(answers.address() as { port: number }).port}`;
    const access = { region: "us-east-1", accessKey: "a", secretKey: "b" };
    const store = storeOf(t, { endpoint, bucket: "any", prefix: "x/", ...access }, 500);
    for (const [status, code] of [
      [500, "InternalError"],
      [503, "SlowDown"],
      [403, "AccessDenied"],
    ] as const) {
      respond = (response) => response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
      await assertAllFail(store, new RegExp(`${code}.*HTTP ${status}`));
    }
    respond = (response) => {
      response.writeHead(200, { etag: '"1"', "content-length": "1000" }).write("the beginning");
    };
    await assert.rejects(store.readManifest(0), { code: "storage_failed", message: /took longer than 500 ms/ });
    respond = (response) => {
      response.writeHead(200, { etag: '"1"', "content-length": "1000" }).write("the beginning");
      setImmediate(() => response.destroy());
    };
    await assert.rejects(store.getPart(0, "base-1-0"), { code: "storage_failed", message: /aborted|ECONNRESET/ });
  });

  test("a swap that was applied without a response is found by reading the manifest", async (t) => {
    const server = await started(t);
    const proxy = await TcpProxy.start(server.port);
    t.after(async () => proxy.close());
    const direct = storeOf(t, s3Settings(server, "x"));
    const first = await direct.swapManifest(0, toBytes("first"), undefined);
    // The fault begins after the stored manifest was read, so only the write gets no response.
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const store = storeOf(t, { ...s3Settings(server, "x"), endpoint });
    proxy.mode = { noAnswersFrom: "PUT /" };
    await assert.rejects(store.swapManifest(0, toBytes("second"), first), { code: "storage_failed", retryable: true });
    proxy.mode = "open";
    const found = await direct.readManifest(0);
    assert.equal(textOf(found?.bytes), "second");
    assert.equal(textOf(await direct.readPreviousManifest(0)), "first");
    await assert.rejects(store.swapManifest(0, toBytes("again"), first), { code: "checkpoint_conflict" });
    await store.swapManifest(0, toBytes("third"), found?.version);
  });
});
