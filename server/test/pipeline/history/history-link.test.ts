import assert from "node:assert/strict";
import { test } from "node:test";
import { HistoryLink } from "../../../src/pipeline/history/history-link.ts";
import type { FromHistory, ToHistory } from "../../../src/ports/history-stream.ts";

const STREAM = { logId: "log", partition: 3, epoch: 1 };
const [SMALLEST, LARGEST] = [256 * 1024, 4 * 1024 * 1024];

function linkOf() {
  const sent: { readonly message: ToHistory; readonly moved: readonly ArrayBuffer[] }[] = [];
  let receive: (message: FromHistory) => void = () => {};
  const link = new HistoryLink({
    postMessage: (message, moved) => void sent.push({ message, moved }),
    on: (_event, call) => {
      receive = call;
    },
    close: () => {},
  });
  const spare = (bytes: number): void => receive({ type: "spare", memory: new Uint8Array(bytes) });
  return { link, sent, spare };
}

test("memory that comes back is used again: pieces of the sizes that chunks have, and not more than four", () => {
  const { link, spare } = linkOf();
  assert.equal(link.takeSpare(), undefined);
  for (const bytes of [SMALLEST - 1, LARGEST + 1]) spare(bytes);
  assert.equal(link.takeSpare(), undefined);
  for (const bytes of [SMALLEST, LARGEST, SMALLEST, SMALLEST, LARGEST]) spare(bytes);
  const sizes = Array.from({ length: 5 }, () => link.takeSpare()?.length);
  assert.deepEqual(sizes, [SMALLEST, SMALLEST, LARGEST, SMALLEST, undefined]);
});

test("the memory of rows moves to the history thread, and a spare piece wakes no one", async () => {
  const { link, sent, spare } = linkOf();
  const bytes = new Uint8Array(8);
  link.send({ type: "raw", writer: STREAM, chunk: { fromOffset: 0, toOffset: 1, rows: 1, content: bytes } });
  link.send({ type: "settled", stream: STREAM, chunk: { fromSequence: 0, count: 1, bytes } });
  link.send({ type: "covered", stream: STREAM, sequence: 1 });
  assert.deepEqual(
    sent.map(({ moved }) => moved),
    [[bytes.buffer], [bytes.buffer], []],
  );
  let isChanged = false;
  void link.changed().then(() => {
    isChanged = true;
  });
  spare(SMALLEST);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isChanged, false);
});
