// First, so that everything below is compiled while its blocks are counted.
import "../../support/work-meter.ts";

import { describe, test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { messageLimits } from "@swapstats/protocol/limits.ts";
import { applyMergePatch, composeMergePatches, diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { specOf } from "../../../src/serving/live/channels.ts";
import { parseRequest } from "../../../src/serving/websocket/requests.ts";
import { type HostileBody, hostileBodies, hostilePieces } from "../../support/hostile-bodies.ts";
import { assertLinear } from "../../support/work-meter.ts";

const BYTES = 4000;
const WINDOWS = ["1m", "5m", "1h"];
const SERVED = WINDOWS.map((name, i) => ({ name, lengthMs: 60_000 * 5 ** i, stepMs: 1_000 }));
const RULES = { windows: WINDOWS, channelsMax: 500 };

/** A message whose members come from the pieces of a body. */
function messageOf(name: string, { name: body, of }: HostileBody, make: (words: string[]) => object): HostileBody {
  return {
    name: `${name}: ${body}`,
    of: (bytes) => {
      const text = of(bytes).toString();
      const words: string[] = [];
      for (let at = 0; at < text.length; at += 8) words.push(text.slice(at, at + 8));
      return Buffer.from(JSON.stringify(make(words)));
    },
  };
}

const numbered = (words: readonly string[]): string[] => words.map((word, i) => `${word}${i}`);
const MESSAGES: readonly [name: string, make: (words: string[]) => object][] = [
  ["one channel", (words) => ({ subscribe: `token:${words.join("")}` })],
  ["equal channels", (words) => ({ subscribe: words.map((word) => `token:${word}`) })],
  ["channels that differ", (words) => ({ subscribe: numbered(words).map((word) => `token:${word}`) })],
  ["channels to leave", (words) => ({ unsubscribe: numbered(words) })],
  [
    "channels with options of their own",
    (words) => ({
      subscribe: numbered(words).map((word) => ({ channel: `token:${word}`, windows: ["5m", word] })),
      windows: WINDOWS,
      fields: words.map(() => "close"),
    }),
  ],
  [
    "channels as objects",
    (words) => ({
      subscribe: numbered(words).map((channel) => ({ channel })),
      windows: words.map(() => "5m"),
      fields: words.map(() => "close"),
    }),
  ],
  [
    "positions",
    (words) => ({ resume: numbered(words).map((epoch, rev) => ({ channel: epoch, epoch, rev, windows: [epoch] })) }),
  ],
  ["a setting", (words) => ({ set: Object.fromEntries(numbered(words).map((word) => [word, word])) })],
  ["windows", (words) => ({ subscribe: "token:x", windows: numbered(words) })],
  ["fields", (words) => ({ subscribe: "token:x", fields: numbered(words) })],
  [
    "unknown members",
    (words) => ({ subscribe: "token:x", ...Object.fromEntries(numbered(words).map((word) => [word, 1])) }),
  ],
  ["a query", (words) => ({ subscribe: { channel: "screener", query: { filter: { or: numbered(words) } } } })],
  ["an id", (words) => ({ subscribe: "token:x", id: words.join("") })],
];

describe("the work for a client's message is linear in its length", () => {
  test("texts of any kind", async () => {
    for (const body of hostileBodies) await assertLinear(body, BYTES, (bytes) => parseRequest(bytes.toString(), RULES));
  });

  test("requests with hostile members, and their channels", async () => {
    for (const [name, make] of MESSAGES) {
      for (const piece of hostilePieces) {
        await assertLinear(messageOf(name, piece, make), BYTES, (bytes) => {
          const request = parseRequest(bytes.toString(), RULES);
          if (request.kind !== "subscribe" && request.kind !== "resume") return;
          for (const { channel, options } of request.requests.slice(0, RULES.channelsMax)) {
            try {
              specOf(channel, options, SERVED);
            } catch {
              // The cost of a channel counts even if there is none of that name.
            }
          }
        });
      }
    }
  });

  test("merge patches with many members", async () => {
    const wide = (bytes: number, odd: number): JsonObject =>
      Object.fromEntries(Array.from({ length: bytes / 8 }, (_, i) => [`k${i}`, { a: i % 2 === odd ? i : 0, b: "x" }]));
    const body: HostileBody = { name: "patches", of: (bytes) => Buffer.alloc(bytes) };
    await assertLinear(body, messageLimits.requestIdBytesMax * 64, (bytes) => {
      const [first, second] = [wide(bytes.length, 0), wide(bytes.length, 1)];
      const there = diffMergePatch(first, second);
      const back = diffMergePatch(second, first);
      applyMergePatch(first, there);
      composeMergePatches(there, back);
    });
  });
});
