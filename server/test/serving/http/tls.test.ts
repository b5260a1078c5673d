import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type Certificates, makeCertificates } from "../../../../scripts/servers/certificates.ts";
import { ServerTls } from "../../../src/serving/server-tls.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import { type Harness, startHarness } from "./http-harness.ts";

type TlsHarness = Harness & {
  readonly certificates: Certificates;
  readonly problems: Error[];
  /** Resolves after the next new certificate. */
  readonly changed: () => Promise<void>;
  /** Resolves to the status of a request on a connection of its own, and the number of the certificate that it saw. */
  readonly get: (path: string, more?: object) => Promise<{ status: number; serial: string }>;
  readonly open: () => Promise<TLSSocket>;
};

type Options = Parameters<typeof startHarness>[1] & { readonly mutual?: boolean };

async function startTls(t: TestContext, { mutual = false, ...overrides }: Options = {}): Promise<TlsHarness> {
  const certificates = makeCertificates(tempDir(t, "tls"));
  const problems: Error[] = [];
  let onChanged = (): void => {};
  const { cert, key, ca } = certificates;
  const files = { certPath: cert, keyPath: key, clientCaPath: mutual ? ca : undefined };
  const tls = new ServerTls(
    files,
    (error) => problems.push(error),
    () => onChanged(),
  );
  t.after(() => tls.close());
  const harness = await startHarness(t, { ...overrides, tls });
  const authority = readFileSync(ca);
  const target = { host: "127.0.0.1", port: harness.port, ca: authority };
  return {
    ...harness,
    ...{ certificates, problems },
    changed: () =>
      new Promise((resolve) => {
        onChanged = resolve;
      }),
    get: async (path, more = {}) => {
      const asked = request({ ...target, ...more, path, agent: false }).end();
      const [response] = await once(asked, "response");
      const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
      response.resume();
      return { status: response.statusCode, serial };
    },
    open: async () => {
      const socket = connectTls(target);
      await once(socket, "secureConnect");
      return socket;
    },
  };
}

/** Sends a request on a connection, and resolves to the head of the response. */
async function ask(socket: TLSSocket, path: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const [bytes] = await once(socket, "data");
  return String(bytes).split("\r\n", 1)[0] as string;
}

/** Puts new files in the place of the old ones, as a tool that renews certificates does. */
function replace({ cert, key }: Certificates, by: Pick<Certificates, "cert" | "key">): void {
  for (const [to, from] of [
    [key, by.key],
    [cert, by.cert],
  ] as const) {
    copyFileSync(from, `${to}.new`);
    renameSync(`${to}.new`, to);
  }
}

requires("TLS of the API", { programs: ["openssl"] }, () => {
  test("requests over TLS get responses, the fast lane's too, and plain ones get none", async (t) => {
    const { get, bus, port, metrics } = await startTls(t);
    bus.tokens = [{ id: "1:0xaa", symbol: "AA", rev: 1, trades: 1 }];
    for (let i = 0; i < 3; i++) assert.equal((await get("/api/tokens/1:0xaa/stats")).status, 200);
    assert.equal((await get("/nothing")).status, 404);
    const plain = connect(port, "127.0.0.1");
    plain.on("error", () => {});
    plain.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(plain, "close");
    assert.equal(plain.bytesRead, 0);
    assert.ok(metrics);
  });

  test("a new certificate is for new connections, and those that are open stay", async (t) => {
    const harness = await startTls(t);
    const open = await harness.open();
    const before = (await harness.get("/healthz")).serial;
    assert.equal(await ask(open, "/healthz"), "HTTP/1.1 200 OK");
    const changed = harness.changed();
    const next = makeCertificates(tempDir(t, "next"));
    writeFileSync(harness.certificates.ca, readFileSync(next.ca));
    replace(harness.certificates, next);
    await changed;
    const after = await harness.get("/healthz", { ca: readFileSync(next.ca) });
    assert.deepEqual([after.status, after.serial !== before], [200, true]);
    assert.equal(await ask(open, "/healthz"), "HTTP/1.1 200 OK");
    open.destroy();
  });

  test("a file that cannot be used leaves the former certificate, and is reported", async (t) => {
    const harness = await startTls(t);
    const { certificates, problems } = harness;
    const before = (await harness.get("/healthz")).serial;
    const good = readFileSync(certificates.key);
    const bad: readonly (readonly [string | Buffer, RegExp])[] = [
      ["nothing", /cannot be used: .*; the former certificate stays in use/],
      [readFileSync(certificates.clientKey), /key values mismatch/],
      ["", /cannot be used/],
    ];
    for (const [content, message] of bad) {
      const count = problems.length;
      writeFileSync(certificates.key, content);
      while (problems.length === count) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.match(String(problems.at(-1)?.message), message);
      assert.equal((await harness.get("/healthz")).serial, before);
    }
    const changed = harness.changed();
    writeFileSync(certificates.key, good);
    await changed;
    assert.equal((await harness.get("/healthz")).status, 200);
  });

  test("with an authority of clients only those with a certificate of it get in", async (t) => {
    const harness = await startTls(t, { mutual: true });
    const { clientCert, clientKey } = harness.certificates;
    const shown = { cert: readFileSync(clientCert), key: readFileSync(clientKey) };
    assert.equal((await harness.get("/healthz", shown)).status, 200);
    await assert.rejects(harness.get("/healthz"));
    const foreign = makeCertificates(tempDir(t, "foreign"));
    const others = { cert: readFileSync(foreign.clientCert), key: readFileSync(foreign.clientKey) };
    await assert.rejects(harness.get("/healthz", others));
  });

  test("a reader of TLS that is too slow is cut, and one that reads on is not", async (t) => {
    const limits = { readWindowMs: 1_500, readWindowBytesMin: 1_000, timeoutCheckMs: 50 };
    const harness = await startTls(t, { limits });
    harness.bus.tokens = [{ id: "1:big", symbol: "s".repeat(30_000_000), rev: 1, trades: 1 }];
    const [deaf, slow] = [await harness.open(), await harness.open()];
    const head = "GET /api/overview HTTP/1.1\r\nHost: localhost\r\n\r\n";
    deaf.pause();
    deaf.on("error", () => {});
    deaf.write(head);
    let got = 0;
    const slept = (): void => {
      slow.pause();
      setTimeout(() => slow.resume(), 5);
    };
    slow.on("data", (chunk: Buffer) => {
      got += chunk.length;
      if (got < 10_000_000) slept();
    });
    slow.write(head);
    const unsent = harness.server.budgets[1];
    while ((unsent?.leases ?? 0) < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    while (got < 30_000_000) await new Promise((resolve) => setTimeout(resolve, 5));
    while ((unsent?.used ?? 0) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    slow.destroy();
    deaf.destroy();
  });

  test("clients that begin no handshake do not delay the end", async (t) => {
    const { server, port } = await startTls(t);
    const silent = connect(port, "127.0.0.1");
    silent.on("error", () => {});
    await once(silent, "connect");
    const closed = once(silent, "close");
    silent.resume();
    await server.close(0);
    await closed;
  });

  test("files that cannot be used at the start end it", (t) => {
    const certificates = makeCertificates(tempDir(t, "tls"));
    const open = (certPath: string, keyPath: string, clientCaPath?: string): ServerTls =>
      new ServerTls(
        { certPath, keyPath, clientCaPath },
        () => {},
        () => {},
      );
    const absent = join(certificates.ca, "absent");
    const { cert, key, clientKey } = certificates;
    for (const [files, message] of [
      [[absent, key], /api\.http\.tls .* cannot be used: ENOTDIR/],
      [[cert, clientKey], /key values mismatch/],
      [[key, key], /cannot be used/],
      [[cert, key, key], /cannot be used/],
    ] as const) {
      assert.throws(() => open(...(files as readonly [string, string])), { code: "bad_config", message });
    }
  });
});
