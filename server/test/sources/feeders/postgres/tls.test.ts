/** TLS between the Postgres feeder and a real server. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { suite, test } from "node:test";
import { makeCertificates } from "../../../../../scripts/servers/certificates.ts";
import { requires } from "../../../support/requires.ts";
import { tempDir } from "../../../support/tmp.ts";
import { entryFor, Reader, startServer } from "./postgres-support.ts";

const OFF = { isOn: false, caPath: undefined, certPath: undefined, keyPath: undefined };

requires("the Postgres feeder over TLS", { servers: ["postgres"] }, () => {
  suite("TLS to PostgreSQL", () => {
    test("the server's certificate is verified by authority and name, and plain connections are refused by this server", async (t) => {
      const folder = tempDir(t, "certificates");
      const certificates = makeCertificates(join(folder, "right"));
      const others = makeCertificates(join(folder, "others"));
      const server = await startServer(t, { tls: certificates });
      await server.sql("CREATE TABLE swaps (id bigserial PRIMARY KEY); INSERT INTO swaps DEFAULT VALUES");
      const on = { ...OFF, isOn: true, caPath: certificates.ca };
      const reader = new Reader(t, entryFor(server, { tls: on }));
      assert.deepEqual(await reader.rowsUntil(1), ["1"]);
      const fails = (changes: Parameters<typeof entryFor>[1], message: RegExp): Promise<void> =>
        assert.rejects(new Reader(t, entryFor(server, changes)).batch(), message);
      await fails({ tls: OFF }, /no pg_hba\.conf entry.*no encryption/);
      await fails({ tls: { ...on, caPath: undefined } }, /certificate/);
      await fails({ tls: { ...on, caPath: others.ca } }, /certificate/);
    });

    test("a certificate for another name is refused", async (t) => {
      const certificates = makeCertificates(tempDir(t, "certificates"));
      // This one is of the same authority, and has no name of a host.
      const nameless = { ...certificates, cert: certificates.clientCert, key: certificates.clientKey };
      const server = await startServer(t, { tls: nameless });
      const reader = new Reader(t, entryFor(server, { tls: { ...OFF, isOn: true, caPath: certificates.ca } }));
      await assert.rejects(reader.batch(), /127\.0\.0\.1.*cert/);
    });

    test("a server that wants a client certificate gets it", async (t) => {
      const certificates = makeCertificates(tempDir(t, "certificates"));
      const server = await startServer(t, { tls: { ...certificates, verify: true } });
      await server.sql("CREATE TABLE swaps (id bigserial PRIMARY KEY); INSERT INTO swaps DEFAULT VALUES");
      const tls = {
        isOn: true,
        caPath: certificates.ca,
        certPath: certificates.clientCert,
        keyPath: certificates.clientKey,
      };
      const reader = new Reader(t, entryFor(server, { tls }));
      assert.deepEqual(await reader.rowsUntil(1), ["1"]);
      const without = { ...tls, certPath: undefined, keyPath: undefined };
      await assert.rejects(new Reader(t, entryFor(server, { tls: without })).batch(), /certificate/);
    });

    test("with TLS on, a server without TLS is refused", async (t) => {
      const server = await startServer(t);
      const reader = new Reader(t, entryFor(server, { tls: { ...OFF, isOn: true } }));
      await assert.rejects(reader.batch(), /does not support SSL/);
    });

    test("a file that cannot be read is named", (t) => {
      const tls = { ...OFF, isOn: true, caPath: "/nowhere/ca.pem" };
      const entry = entryFor({ host: "127.0.0.1", port: 1 }, { tls });
      assert.throws(() => new Reader(t, entry), { code: "bad_config", message: /\/nowhere\/ca\.pem cannot be read/ });
    });
  });
});
