import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { acceptedCoding, PACKED_BYTES_MIN } from "../../../src/serving/http/content-coding.ts";
import { requires } from "../../support/requires.ts";
import { type Harness, startHarness } from "./http-harness.ts";
import { WETH } from "./stand-in-bus.ts";

const OVERVIEW = "/api/overview?limit=500";
const STATS = `/api/tokens/${WETH}/stats`;
const run = promisify(execFile);

type Bare = { head: string; fields: Map<string, string>; body: Buffer };

/** A whole response as its bytes, not decompressed. */
async function bare({ raw }: Harness, method: string, path: string, fields: string[]): Promise<Bare> {
  const client = await raw();
  client.send([`${method} ${path} HTTP/1.1`, "Host: x", "Connection: close", ...fields, "", ""].join("\r\n"));
  const bytes = Buffer.from(await client.closed, "latin1");
  const split = bytes.indexOf("\r\n\r\n");
  const [head = "", ...lines] = bytes.subarray(0, split).toString().split("\r\n");
  const named = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const parsed = new Map(named);
  const body = bytes.subarray(split + 4);
  return { head, fields: parsed, body: parsed.get("transfer-encoding") === "chunked" ? unchunked(body) : body };
}

function unchunked(body: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf("\r\n", at);
    const bytes = Number.parseInt(body.subarray(at, end).toString(), 16);
    if (bytes === 0) return Buffer.concat(chunks);
    chunks.push(body.subarray(end + 2, end + 2 + bytes));
    at = end + 2 + bytes + 2;
  }
}

function unpacked({ fields, body }: Bare): string {
  const coding = fields.get("content-encoding");
  if (coding === "br") return brotliDecompressSync(body).toString();
  return (coding === "gzip" ? gunzipSync(body) : body).toString();
}

describe("Accept-Encoding", () => {
  const cases: [string | undefined, string | undefined][] = [
    [undefined, undefined],
    ["", undefined],
    ["gzip, deflate, br, zstd", "br"],
    ["gzip", "gzip"],
    ["x-gzip", "gzip"],
    ["GZIP;Q=1", "gzip"],
    ["br;q=0.5, gzip;q=0.8", "gzip"],
    ["br;q=0, gzip", "gzip"],
    ["br ; q=0.001", "br"],
    ["*", "br"],
    ["*;q=0.1, br;q=0", "gzip"],
    ["*;q=0", undefined],
    ["identity", undefined],
    ["identity, gzip;q=0.5", undefined],
    ["identity;q=0.5, gzip", "gzip"],
    ["identity;q=0", undefined],
    ["identity;q=0, gzip;q=0.2", "gzip"],
    ["gzip;q=2", undefined],
    ["gzip;q=", undefined],
    ["gzip;q=0.0001, br", "br"],
    ["deflate, zstd", undefined],
    [",,;q=1,", undefined],
  ];
  for (const [header, coding] of cases) {
    test(`${JSON.stringify(header)} gives ${coding ?? "no coding"}`, () => {
      assert.equal(acceptedCoding(header, ["br", "gzip"]), coding);
      assert.equal(acceptedCoding(header, ["br", "gzip"]), coding, "the same from what is remembered");
    });
  }
});

/** Adds two hundred tokens, so that responses are long. */
async function filled(t: Parameters<typeof startHarness>[0]): Promise<Harness> {
  const harness = await startHarness(t);
  for (let i = 0; i < 200; i += 1) harness.bus.tokens.push({ id: `1:0x${i}`, symbol: `T${i}`, rev: i + 1, trades: i });
  return harness;
}

describe("compressed responses", () => {
  test("long responses are compressed as the client prefers, and have the same text", async (t) => {
    const harness = await filled(t);
    for (const path of [OVERVIEW, STATS, `/stats?token=${WETH}`, "/openapi.json"]) {
      const plain = await bare(harness, "GET", path, []);
      assert.equal(plain.fields.get("content-encoding"), undefined);
      for (const coding of ["gzip", "br"]) {
        const packed = await bare(harness, "GET", path, [`Accept-Encoding: ${coding}`]);
        assert.equal(packed.fields.get("content-encoding"), coding, path);
        assert.equal(unpacked(packed), plain.body.toString(), path);
        assert.ok(packed.body.length < plain.body.length / 2, `${path}: ${packed.body.length} of ${plain.body.length}`);
        assert.equal(packed.fields.get("etag"), plain.fields.get("etag"));
      }
      for (const answer of [plain, await bare(harness, "GET", path, ["Accept-Encoding: br"])]) {
        assert.equal(answer.fields.get("vary"), "accept-encoding");
      }
    }
  });

  test("a response of 1,023 bytes is sent uncompressed, one of 1,024 compressed", async (t) => {
    const { bus, raw, ...rest } = await startHarness(t);
    const harness = { bus, raw, ...rest };
    const letter = { code: "bad_json", message: "", partition: 0, offset: 1, arrival: 1, raw: "" };
    bus.letters = [letter];
    const short = (await bare(harness, "GET", "/api/dead-letters", [])).body.length;
    for (const [bytes, coding] of [
      [PACKED_BYTES_MIN - 1, undefined],
      [PACKED_BYTES_MIN, "gzip"],
    ] as const) {
      bus.letters = [{ ...letter, raw: "x".repeat(bytes - short) }];
      const answer = await bare(harness, "GET", "/api/dead-letters", ["Accept-Encoding: gzip"]);
      assert.equal(answer.fields.get("content-encoding"), coding);
      assert.equal(unpacked(answer).length, bytes);
    }
  });

  test("HEAD has the fields of GET and no body; 304 and problems have Vary", async (t) => {
    const harness = await filled(t);
    const accept = "Accept-Encoding: gzip, br";
    for (const path of [OVERVIEW, STATS]) {
      const get = await bare(harness, "GET", path, [accept]);
      const head = await bare(harness, "HEAD", path, [accept]);
      assert.equal(head.body.length, 0);
      for (const name of ["content-encoding", "etag", "vary", "content-type"]) {
        assert.equal(head.fields.get(name), get.fields.get(name), name);
      }
      const again = await bare(harness, "GET", path, [accept, `If-None-Match: ${get.fields.get("etag")}`]);
      assert.match(again.head, / 304 /);
      assert.equal(again.body.length, 0);
      assert.equal(again.fields.get("content-encoding"), undefined);
      assert.equal(again.fields.get("vary"), "accept-encoding");
    }
    const query = Array.from({ length: 60 }, (_, i) => `unknown${i}=1`).join("&");
    const problem = await bare(harness, "GET", `${STATS}?${query}`, [accept]);
    assert.equal(problem.fields.get("content-encoding"), "br");
    assert.equal(problem.fields.get("content-type"), "application/problem+json");
    assert.equal(JSON.parse(unpacked(problem)).code, "invalid_parameters");
  });

  test("the fast lane compresses the figures once, although as_of advances", async (t) => {
    const harness = await startHarness(t);
    const { bus } = harness;
    await harness.call(STATS);
    bus.cached = true;
    bus.kept = { gzipEnd: undefined };
    const asked = bus.asked;
    const accept = ["Accept-Encoding: gzip, deflate, br"];
    const first = await bare(harness, "GET", STATS, accept);
    const end = bus.kept.gzipEnd;
    assert.ok(end !== undefined);
    bus.asOf += 1;
    const second = await bare(harness, "GET", STATS, accept);
    assert.equal(bus.kept.gzipEnd, end);
    assert.equal(bus.asked, asked, "nobody else was asked");
    for (const [answer, asOf] of [
      [first, bus.asOf - 1],
      [second, bus.asOf],
    ] as const) {
      assert.equal(answer.fields.get("content-encoding"), "gzip");
      assert.equal(Number(answer.fields.get("content-length")), answer.body.length);
      assert.equal(JSON.parse(unpacked(answer)).as_of, asOf);
    }
    // A request of another origin goes through the framework.
    const framework = await bare(harness, "GET", STATS, [...accept, "Origin: https://other.example"]);
    assert.deepEqual(framework.body, second.body);
  });

  test("fetch of this runtime decompresses every response", async (t) => {
    const { call, port } = await filled(t);
    const { length } = (await call(OVERVIEW)).text;
    for (const coding of ["gzip", "br", "identity"]) {
      const answer = await fetch(`http://127.0.0.1:${port}${OVERVIEW}`, { headers: { "accept-encoding": coding } });
      assert.equal((await answer.text()).length, length);
    }
  });
});

requires("packed answers read by curl and Python", { programs: ["curl"], python: [] }, ({ python }) => {
  test("curl and Python's gzip decompress responses of the lane, the framework and the thread pool", async (t) => {
    const harness = await filled(t);
    harness.bus.cached = true;
    for (const path of [OVERVIEW, STATS, STATS, "/openapi.json"]) {
      const url = `http://127.0.0.1:${harness.port}${path}`;
      const text = (await harness.call(path)).text;
      const { stdout } = await run("curl", ["--compressed", "--silent", url], { maxBuffer: 1 << 24 });
      assert.equal(stdout, text);
      const program =
        "import gzip, sys, urllib.request as u; r = u.urlopen(u.Request(sys.argv[1], headers={'Accept-Encoding': 'gzip'})); " +
        "assert r.headers['Content-Encoding'] == 'gzip'; sys.stdout.buffer.write(gzip.decompress(r.read()))";
      const answer = await run(python, ["-c", program, url], { maxBuffer: 1 << 24 });
      assert.equal(answer.stdout, text);
    }
  });
});
