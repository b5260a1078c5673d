import assert from "node:assert/strict";
import { test } from "node:test";
import { bearerOf, CREDENTIAL_CHARS_MAX, credentialsOf } from "../../../src/access/identity/credentials.ts";

const found = (headers: Record<string, string>, url = "/api/status") => credentialsOf({ headers, url, socket: {} });

test("credentials are found in each of their places", () => {
  assert.deepEqual(found({ authorization: "Bearer a.b.c" }), { kind: "token", text: "a.b.c" });
  assert.deepEqual(found({ authorization: "bearer  a.b.c " }), { kind: "token", text: "a.b.c" });
  assert.deepEqual(found({ authorization: "Bearer swapstats_x" }), { kind: "key", text: "swapstats_x" });
  assert.deepEqual(found({ "x-api-key": "swapstats_x" }), { kind: "key", text: "swapstats_x" });
  const protocols = "swapstats.v1.json, bearer.a.b.c";
  assert.deepEqual(found({ "sec-websocket-protocol": protocols }), { kind: "token", text: "a.b.c" });
  assert.deepEqual(found({}, "/ws?ticket=a%2Eb"), { kind: "ticket", text: "a.b" });
  assert.deepEqual(found({}, "/api/stream?channels=x&ticket=t"), { kind: "ticket", text: "t" });
});

test("a ticket counts only where a page cannot set header fields", () => {
  assert.equal(found({}, "/api/status?ticket=t"), undefined);
  assert.equal(found({}, "/wsx?ticket=t"), undefined);
  assert.equal(found({}, "/ws?tickets=t"), undefined);
});

test("another scheme, and nothing at all, are no credentials", () => {
  assert.equal(found({}), undefined);
  assert.equal(found({ authorization: "Basic YTpi" }), undefined);
  assert.equal(found({ authorization: "Bearer" }), undefined);
  assert.equal(found({ "sec-websocket-protocol": "swapstats.v1.json" }), undefined);
});

test("several credentials are refused, even equal ones", () => {
  const several = { code: "unauthorized", message: /several credentials/ };
  assert.throws(() => found({ authorization: "Bearer a.b.c", "x-api-key": "k" }), several);
  assert.throws(() => found({ authorization: "Bearer a.b.c" }, "/ws?ticket=t"), several);
  const protocol = { "sec-websocket-protocol": "bearer.a.b.c" };
  assert.throws(() => found({ authorization: "Bearer a.b.c", ...protocol }), several);
});

test("credentials may be as long as the limit, and no longer", () => {
  const text = "x".repeat(CREDENTIAL_CHARS_MAX);
  const tooLong = { code: "unauthorized", message: /have 8193 characters; they may have 8192/ };
  assert.equal(found({ authorization: `Bearer ${text}` })?.text, text);
  assert.throws(() => found({ authorization: `Bearer ${text}x` }), tooLong);
  assert.throws(() => found({ "x-api-key": `${text}x` }), tooLong);
  assert.throws(() => found({}, `/ws?ticket=${text}x`), tooLong);
  assert.equal(bearerOf(text).text, text);
  assert.throws(() => bearerOf(`${text}x`), tooLong);
});
