import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { makeCertificates } from "../../../../scripts/servers/certificates.ts";
import { RESPONSE_BYTES_MAX, type RegistrySettings } from "../../../src/clients/schema-registry/registry-http.ts";
import { REFERENCES_MAX, SchemaRegistry, UnknownSchema } from "../../../src/clients/schema-registry/schema-registry.ts";
import { requires } from "../../support/requires.ts";
import { StandInRegistry, sendJson } from "../../support/stand-in-registry.ts";
import { tempDir } from "../../support/tmp.ts";

const NEVER = new AbortController().signal;
const REQUEST_MS = 10_000;

type Fixture = { readonly server: StandInRegistry; readonly registry: SchemaRegistry };

async function start(
  t: TestContext,
  settings: Partial<RegistrySettings> = {},
  requestMs = REQUEST_MS,
): Promise<Fixture> {
  const server = await StandInRegistry.start();
  const registry = open(server.url, settings, requestMs);
  t.after(async () => {
    registry.close();
    await server[Symbol.asyncDispose]();
  });
  return { server, registry };
}

function open(url: string, settings: Partial<RegistrySettings> = {}, requestMs = REQUEST_MS): SchemaRegistry {
  const none = { username: undefined, password: undefined, token: undefined, ca: undefined };
  return new SchemaRegistry({ url, ...none, ...settings }, requestMs);
}

/** The message of a retryable failure. */
async function problem(registry: SchemaRegistry, id = 7): Promise<string> {
  try {
    await registry.schema(id, NEVER);
  } catch (error) {
    const { code, retryable, message } = error as { code: string; retryable: boolean; message: string };
    assert.deepEqual({ code, retryable }, { code: "unavailable", retryable: true });
    return message;
  }
  return assert.fail("a schema was given");
}

describe("a schema registry", () => {
  test("gives the schema of an id, and is asked once", async (t) => {
    const { server, registry } = await start(t);
    server.register(7, "trades-value", { schema: '"string"' });
    server.register(8, "other", { schema: "message M {}", schemaType: "PROTOBUF" });
    assert.deepEqual(await registry.schema(7, NEVER), { type: "AVRO", text: '"string"', references: new Map() });
    await registry.schema(7, NEVER);
    assert.deepEqual(await registry.schema(8, NEVER), {
      type: "PROTOBUF",
      text: "message M {}",
      references: new Map(),
    });
    assert.deepEqual(server.requests, ["/schemas/ids/7", "/schemas/ids/8"]);
  });

  test("is asked once for an id that many want at the same time", async (t) => {
    const { server, registry } = await start(t);
    server.register(7, "trades-value", { schema: '"string"' });
    const schemas = await Promise.all(Array.from({ length: 100 }, () => registry.schema(7, NEVER)));
    assert.equal(new Set(schemas).size, 1);
    assert.deepEqual(server.requests, ["/schemas/ids/7"]);
  });

  test("gives the schemas that a schema refers to, each behind those that it needs", async (t) => {
    const { server, registry } = await start(t);
    server.register(1, "chains/of all", { schema: "chain 1" });
    server.register(2, "chains/of all", { schema: "chain 2" });
    const chain = { name: "Chain", subject: "chains/of all", version: 2 };
    server.register(3, "tokens", { schema: "token", references: [chain] });
    const token = { name: "Token", subject: "tokens", version: 1 };
    server.register(4, "trades", { schema: "trade", references: [token, chain] });
    const schema = await registry.schema(4, NEVER);
    assert.ok(!(schema instanceof UnknownSchema));
    assert.deepEqual(
      [...schema.references],
      [
        ["Chain", "chain 2"],
        ["Token", "token"],
      ],
    );
    assert.deepEqual(server.requests.slice(1), [
      "/subjects/tokens/versions/1",
      "/subjects/chains%2Fof%20all/versions/2",
    ]);
  });

  test("may give references in a circle, and at most a hundred", async (t) => {
    const { server, registry } = await start(t);
    server.register(1, "a", { schema: "a", references: [{ name: "B", subject: "b", version: 1 }] });
    server.register(2, "b", { schema: "b", references: [{ name: "A", subject: "a", version: 1 }] });
    const circle = await registry.schema(1, NEVER);
    assert.ok(!(circle instanceof UnknownSchema) && circle.references.size === 2);
    const many = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `N${i}`, subject: "c", version: 1 }));
    server.register(3, "c", { schema: "c" });
    server.register(4, "d", { schema: "d", references: many(REFERENCES_MAX) });
    server.register(5, "e", { schema: "e", references: many(REFERENCES_MAX + 1) });
    assert.ok(!((await registry.schema(4, NEVER)) instanceof UnknownSchema));
    const refused = await registry.schema(5, NEVER);
    assert.ok(refused instanceof UnknownSchema && /more than 100 schemas/.test(refused.what));
  });

  test("says that it does not have an id, a subject or a version", async (t) => {
    const { server, registry } = await start(t);
    server.register(1, "a", { schema: "a" });
    server.register(2, "b", { schema: "b", references: [{ name: "A", subject: "none", version: 1 }] });
    server.register(3, "c", { schema: "c", references: [{ name: "A", subject: "a", version: 2 }] });
    for (const [id, code] of [
      [9, 40403],
      [2, 40401],
      [3, 40402],
    ] as const) {
      const answer = await registry.schema(id, NEVER);
      assert.ok(answer instanceof UnknownSchema);
      assert.match(answer.what, new RegExp(`does not have /.*\\(error ${code}\\)`));
    }
    server.register(9, "d", { schema: "d" });
    assert.ok(!((await registry.schema(9, NEVER)) instanceof UnknownSchema), "it is asked again");
  });

  test("gets the name and password, or the token", async (t) => {
    const basic = await start(t, { username: "me", password: "sécret:" });
    basic.server.authorization = `Basic ${Buffer.from("me:sécret:").toString("base64")}`;
    basic.server.register(7, "a", { schema: "a" });
    await basic.registry.schema(7, NEVER);
    const bearer = await start(t, { token: "abc" });
    bearer.server.authorization = "Bearer abc";
    bearer.server.register(7, "a", { schema: "a" });
    await bearer.registry.schema(7, NEVER);
  });

  test("may have a path in its address", async (t) => {
    const { server } = await start(t);
    const registry = open(`${server.url}/apis/ccompat/v7/`);
    t.after(() => registry.close());
    server.respond = (_request, response) => sendJson(response, 200, { schema: "a" });
    await registry.schema(7, NEVER);
    assert.deepEqual(server.requests, ["/apis/ccompat/v7/schemas/ids/7"]);
  });

  test("is refused as an address that is no address of HTTP, or has a secret", () => {
    for (const url of ["", "registry:8081", "ftp://a", "http://me:secret@a", "http://a?b", "http://a#b"]) {
      assert.throws(() => open(url), { code: "bad_config" });
    }
  });
});

describe("a schema registry that is away is reported as a problem", () => {
  test("when nothing listens, until it does", async (t) => {
    const { server, registry } = await start(t);
    server.register(7, "a", { schema: "a" });
    await server.stop();
    assert.match(
      await problem(registry),
      /The schema registry http:\/\/127\.0\.0\.1:\d+ does not give a schema: .*ECONNREFUSED/,
    );
    await server.listen();
    assert.ok(!((await registry.schema(7, NEVER)) instanceof UnknownSchema));
  });

  test("when it does not respond, or not to the end", async (t) => {
    const { server, registry } = await start(t, {}, 200);
    server.respond = () => {};
    assert.match(await problem(registry), /no whole response within 200 ms/);
    server.respond = (_request, response) => response.writeHead(200).write('{"schema":');
    assert.match(await problem(registry), /no whole response within 200 ms/);
  });

  test("when it cuts the connection", async (t) => {
    const { server, registry } = await start(t);
    server.respond = (request) => request.socket.destroy();
    assert.match(await problem(registry), /does not give a schema/);
    server.respond = (request, response) => {
      response.writeHead(200, { "content-length": 100 }).write('{"schema":');
      response.on("drain", () => request.socket.destroy());
      setImmediate(() => request.socket.destroy());
    };
    assert.match(await problem(registry), /does not give a schema/);
  });

  const bodies: [what: string, status: number, body: string, message: RegExp][] = [
    ["wrong bytes", 200, "\u0000\u00ff", /no JSON object/],
    ["a list", 200, "[]", /no JSON object/],
    ["an object without a schema", 200, "{}", /no schema/],
    ["a schema that is no text", 200, '{"schema":{}}', /no schema/],
    ["an unknown type", 200, '{"schema":"a","schemaType":"THRIFT"}', /type THRIFT/],
    ["references that are no list", 200, '{"schema":"a","references":{}}', /no list/],
    [
      "a reference without a subject",
      200,
      '{"schema":"a","references":[{"name":"a","version":1}]}',
      /no name, subject or version/,
    ],
    ["a reference that is null", 200, '{"schema":"a","references":[null]}', /no name, subject or version/],
    ["a page of a proxy", 404, "<html>", /HTTP 404 .*probably not that of a registry/],
    [
      "the 404 of another path",
      404,
      '{"error_code":404,"message":"HTTP 404 Not Found"}',
      /probably not that of a registry/,
    ],
    ["401", 401, '{"error_code":401}', /HTTP 401 .*name and password/],
    ["403", 403, '{"error_code":40301}', /HTTP 403 .*permission/],
    ["429", 429, "", /HTTP 429/],
    ["500", 500, '{"error_code":50001}', /HTTP 500/],
    ["503", 503, "", /HTTP 503/],
  ];
  for (const [what, status, body, message] of bodies) {
    test(`when it responds with ${what}`, async (t) => {
      const { server, registry } = await start(t);
      server.respond = (_request, response) => response.writeHead(status).end(body);
      assert.match(await problem(registry), message);
    });
  }

  test("when its response is larger than the limit", async (t) => {
    const { server, registry } = await start(t);
    const bodyOf = (bytes: number): string => `{"schema":"${" ".repeat(bytes - '{"schema":""}'.length)}"}`;
    server.respond = (_request, response) => response.end(bodyOf(RESPONSE_BYTES_MAX + 1));
    assert.match(await problem(registry), /larger than 4194304 bytes/);
    server.respond = (_request, response) => response.end(bodyOf(RESPONSE_BYTES_MAX));
    assert.ok(!((await registry.schema(7, NEVER)) instanceof UnknownSchema));
  });

  test("when it redirects, and the other address gets nothing", async (t) => {
    const other = await start(t);
    const { server, registry } = await start(t, { token: "secret" });
    for (const status of [301, 302, 307, 308]) {
      server.respond = (_request, response) =>
        response.writeHead(status, { location: `${other.server.url}/schemas/ids/7` }).end();
      assert.match(await problem(registry), new RegExp(`HTTP ${status} .*redirects to`));
    }
    assert.deepEqual(other.server.requests, []);
  });

  test("without the secret in the message", async (t) => {
    const { server, registry } = await start(t, { username: "me", password: "hush" });
    server.authorization = "Basic other";
    const message = await problem(registry);
    assert.doesNotMatch(message, /hush/);
  });
});

describe("waiting for a schema", () => {
  test("ends with the signal, and others get the schema", async (t) => {
    const { server, registry } = await start(t);
    const arrived = Promise.withResolvers<void>();
    let finish = (): void => {};
    server.respond = (_request, response) => {
      finish = () => sendJson(response, 200, { schema: "a" });
      arrived.resolve();
    };
    const controller = new AbortController();
    const aborted = registry.schema(7, controller.signal);
    const other = registry.schema(7, NEVER);
    await arrived.promise;
    const reason = new Error("stop");
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    finish();
    assert.ok(!((await other) instanceof UnknownSchema));
    await assert.rejects(registry.schema(7, controller.signal), reason);
    assert.equal(server.requests.length, 1);
  });
});

requires("schema registry over TLS", { programs: ["openssl"] }, () => {
  test("a registry over TLS is trusted by its authority alone", async (t) => {
    const files = makeCertificates(join(tempDir(t), "tls"));
    const server = await StandInRegistry.start({ cert: readFileSync(files.cert), key: readFileSync(files.key) });
    server.register(7, "a", { schema: "a" });
    const [trusting, strange] = [open(server.url, { ca: readFileSync(files.ca, "utf8") }), open(server.url)];
    t.after(async () => {
      trusting.close();
      strange.close();
      await server[Symbol.asyncDispose]();
    });
    assert.ok(!((await trusting.schema(7, NEVER)) instanceof UnknownSchema));
    assert.match(await problem(strange), /certificate|self-signed/);
  });
});
