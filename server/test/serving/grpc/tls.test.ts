/** The listener of gRPC with the certificate of `api.http.tls`. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { statsService } from "@swapstats/protocol/proto/descriptor.ts";
import { makeCertificates } from "../../../../scripts/servers/certificates.ts";
import { findServer } from "../../../../scripts/servers/install.ts";
import { ServerTls } from "../../../src/serving/server-tls.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import { WETH } from "../http/stand-in-bus.ts";
import { type Calls, clientOf, openGrpcDoor } from "./support/door.ts";

const run = promisify(execFile);

/** `mustShow`: clients must show a certificate of the same authority. */
async function openTlsDoor(t: TestContext, mustShow = false) {
  const certificates = makeCertificates(tempDir(t, "tls"));
  const changed = Promise.withResolvers<void>();
  const { cert: certPath, key: keyPath, ca } = certificates;
  const files = { certPath, keyPath, clientCaPath: mustShow ? ca : undefined };
  const tls = new ServerTls(files, () => {}, changed.resolve);
  t.after(() => tls.close());
  const door = await openGrpcDoor(t, { tls });
  const baseUrl = door.grpc.replace("http:", "https:");
  /** Returns a client that connects anew and trusts this authority. */
  const trusting = (ca: Buffer): Calls =>
    createClient(statsService, createGrpcTransport({ baseUrl, nodeOptions: { ca } }));
  return { door, certificates, trusting, changed: changed.promise };
}

requires("TLS of gRPC", { programs: ["openssl"] }, () => {
  test("calls over TLS are answered, and those in plain text and those that do not trust the authority fail", async (t) => {
    const { door, certificates, trusting } = await openTlsDoor(t);
    assert.equal((await trusting(readFileSync(certificates.ca)).getStats({ id: WETH })).stats.id, WETH);
    const asked = door.bus.asked;
    await assert.rejects(clientOf(door).getStats({ id: WETH }));
    await assert.rejects(trusting(readFileSync(makeCertificates(tempDir(t, "other")).ca)).getStats({ id: WETH }));
    assert.equal(door.bus.asked, asked);
  });

  test("a new certificate is for new connections, and those that are open stay", async (t) => {
    const { certificates, trusting, changed } = await openTlsDoor(t);
    const [former, next] = [readFileSync(certificates.ca), makeCertificates(tempDir(t, "next"))];
    const open = trusting(former);
    await open.getStats({ id: WETH });
    copyFileSync(next.cert, certificates.cert);
    copyFileSync(next.key, certificates.key);
    await changed;
    assert.equal((await trusting(readFileSync(next.ca)).getStats({ id: WETH })).stats.id, WETH);
    await assert.rejects(trusting(former).getStats({ id: WETH }));
    assert.equal((await open.getStats({ id: WETH })).stats.id, WETH);
  });
});

requires("client certificates of gRPC", { programs: ["openssl"], servers: ["grpcurl"] }, () => {
  test("with a client authority a client calls with its certificate, and is refused without one or with that of another authority", async (t) => {
    const { door, certificates } = await openTlsDoor(t, true);
    const address = door.grpc.slice("http://".length);
    const other = makeCertificates(tempDir(t, "other"));
    const method = "swapstats.v1.StatsService/GetStats";
    const grpcurl = async (...args: string[]): Promise<string> => {
      const request = JSON.stringify({ id: "WETH", windows: ["5m"] });
      const all = ["-cacert", certificates.ca, ...args, "-d", request, address, method];
      return (await run(findServer("grpcurl") as string, all)).stdout;
    };
    const shown = (from: { readonly clientCert: string; readonly clientKey: string }): string[] => [
      ...["-cert", from.clientCert, "-key", from.clientKey],
    ];
    assert.equal(JSON.parse(await grpcurl(...shown(certificates))).stats.id, WETH);
    const { asked } = door.bus;
    // grpcurl tries again until this time.
    const limit = ["-connect-timeout", "2"];
    await assert.rejects(grpcurl(...limit));
    await assert.rejects(grpcurl(...limit, ...shown(other)));
    const nodeOptions = { ca: readFileSync(certificates.ca) };
    const baseUrl = door.grpc.replace("http:", "https:");
    const withoutOne: Calls = createClient(statsService, createGrpcTransport({ baseUrl, nodeOptions }));
    await assert.rejects(withoutOne.getStats({ id: WETH }));
    assert.equal(door.bus.asked, asked);
  });
});
