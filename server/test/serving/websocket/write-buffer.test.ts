import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { WriteBuffer } from "../../../src/serving/websocket/write-buffer.ts";

const BYTES = 64 * 1024;
const WRITES = 600;

/** Two ends of a connection. */
async function pair(t: { after(run: () => void): void }): Promise<{ near: Socket; far: Socket }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const far = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [near] = (await once(server, "connection")) as [Socket];
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

test("bytes arrive as written, even at a client that does not read for long while others use the same buffer", async (t) => {
  const buffer = new WriteBuffer(BYTES);
  const [slow, quick] = [await pair(t), await pair(t)];
  slow.far.pause();
  quick.far.resume();
  let wasQueued = false;
  for (let i = 0; i < WRITES; i++) {
    const frames = [Buffer.alloc(20_000, i % 251), Buffer.alloc(10_000, (i + 1) % 251)];
    buffer.write(slow.near, frames, 30_000);
    wasQueued ||= slow.near.writableLength > 0;
    buffer.write(quick.near, [Buffer.alloc(40_000, 255)], 40_000);
  }
  assert.ok(wasQueued, "the kernel did not take everything at once");
  let received = 0;
  for await (const chunk of slow.far) {
    for (const byte of chunk as Buffer) {
      const write = Math.floor(received / 30_000);
      const expected = (received % 30_000 < 20_000 ? write : write + 1) % 251;
      if (byte !== expected) assert.fail(`byte ${received} is ${byte}, not ${expected}`);
      received += 1;
    }
    if (received === WRITES * 30_000) break;
  }
  assert.equal(received, WRITES * 30_000);
});

test("a write longer than the buffer is sent, and a write to a closed socket is ignored", async (t) => {
  const buffer = new WriteBuffer(10);
  const { near, far } = await pair(t);
  buffer.write(near, [Buffer.from("0123456"), Buffer.from("789abcd")], 14);
  const [data] = (await once(far, "data")) as [Buffer];
  assert.equal(data.toString(), "0123456789abcd");
  near.destroy();
  buffer.write(near, [Buffer.from("x")], 1);
});
