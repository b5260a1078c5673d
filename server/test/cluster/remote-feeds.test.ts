import assert from "node:assert/strict";
import { test } from "node:test";
import type { ItemType, ItemTypes, UpdateItem } from "../../src/cluster/protocol.ts";
import { RemoteFeeds, STEPS } from "../../src/cluster/remote-feeds.ts";

const SPEC = { kind: "token", token: "1:a", windows: ["5m"] } as const;
const AT = { address: "there", worker: 1, spec: SPEC };
const update = (topicId: number, seq: number, prevRev?: number): UpdateItem => ({
  ...{ topicId, seq, epoch: "1", rev: seq, asOf: 1, lagMs: 0, parts: [] },
  ...(prevRev === undefined ? { data: `{"n":${seq}}` } : { prevRev, patch: `{"n":${seq}}` }),
});

function feeds() {
  const sent: string[] = [];
  let nowMs = 0;
  const post = <T extends ItemType>(_to: string, type: T, item: ItemTypes[T]): boolean => {
    sent.push(`${type} ${"topicId" in item ? item.topicId : ""}`.trim());
    return true;
  };
  const remote = new RemoteFeeds({ link: { post }, openTimeoutMs: 100, nowMs: () => nowMs });
  const heard: (string | undefined)[] = [];
  const open = () =>
    remote.open(
      AT,
      ({ data }) => heard.push(data),
      ({ code }) => heard.push(code),
    );
  return { remote, sent, heard, open, pass: (ms: number) => (nowMs += ms) };
}

test("a feed begins again under another id whenever something is missing, and updates of the former id are ignored", () => {
  const { remote, sent, heard, open, pass } = feeds();
  const { close } = open();
  pass(101);
  remote.sweep();
  assert.deepEqual(sent, ["open 1", "open 2"], "nothing came in time");
  remote.takeUpdate("there", update(2, 1));
  remote.takeUpdate("there", update(2, 2, 1));
  remote.takeUpdate("there", update(2, 2, 1));
  remote.takeUpdate("elsewhere", update(2, 3, 2));
  assert.deepEqual(heard, ['{"n":1}', '{"n":2}']);
  pass(1_000);
  remote.sweep();
  assert.equal(sent.length, 2, "a feed that is streaming waits for no first data");
  remote.takeUpdate("there", update(2, 4, 3));
  assert.deepEqual(sent.slice(2), ["open 3"], "a gap in the numbers");
  remote.takeUpdate("there", update(2, 5, 4));
  remote.takeUpdate("there", update(3, 1));
  remote.takeListening("there", { upTo: 3, topics: [[3, 2]] });
  assert.deepEqual([sent.at(-1), heard.at(-1)], ["open 4", '{"n":1}'], "the owner has sent more than came");
  remote.takeListening("there", { upTo: 3, topics: [] });
  assert.equal(sent.at(-1), "open 4", "a keep-alive before it says nothing of it");
  remote.takeListening("there", { upTo: 4, topics: [] });
  assert.equal(sent.at(-1), "open 5", "the owner does not know it");
  close();
  assert.deepEqual([sent.at(-1), remote.size], ["close 5", 0]);
  remote.takeUpdate("there", update(5, 1));
  close();
  assert.deepEqual([sent.at(-1), heard.length], ["close 5", 3]);
});

test("a feed that its owner ends is not opened again", () => {
  const { remote, sent, heard, open } = feeds();
  const { close } = open();
  remote.takeEnded("there", { topicId: 1, error: { code: "not_found", message: "no such token", retryable: false } });
  assert.deepEqual([heard, remote.size], [["not_found"], 0]);
  close();
  assert.deepEqual([sent, STEPS.ended], [["open 1"], []]);
});
