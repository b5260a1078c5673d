import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChannelRequest } from "../../src/inspector/channel-request.ts";
import { CHANNELS_OPEN_MAX, joinRequests, splitRequests } from "../../src/inspector/open-channels.ts";

const token = (name: string): ChannelRequest => ({ kind: "token", token: name });

test("requests come back from the address in their order, whatever their names", () => {
  const requests: ChannelRequest[] = [
    token("a;b"),
    token("50%3B"),
    { kind: "swaps", token: "%", limit: 3 },
    token("x"),
  ];
  assert.deepEqual(splitRequests(joinRequests(requests)), requests);
  assert.deepEqual(splitRequests(""), []);
});

test("what is no channel and what is there twice is left out, and no more are opened than the limit", () => {
  assert.deepEqual(splitRequests("token:A;nonsense;token:A;market"), [token("A"), { kind: "market" }]);
  const many = Array.from({ length: CHANNELS_OPEN_MAX + 1 }, (_, i) => token(`T${i}`));
  assert.deepEqual(splitRequests(joinRequests(many)), many.slice(0, CHANNELS_OPEN_MAX));
});
