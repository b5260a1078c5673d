/** The members of a request, and hostile texts, which are refused with a short error and without failing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { statsFields } from "@swapstats/protocol/figures.ts";
import { messageLimits, requestLimits } from "@swapstats/protocol/limits.ts";
import { clientMessage } from "@swapstats/protocol/schemas/websocket.ts";
import fc from "fast-check";
import { type ClientRequest, parseRequest } from "../../../src/serving/websocket/requests.ts";
import { createValidator } from "../../support/closed-schema.ts";
import { propertyOptions } from "../../support/seed.ts";

const RULES = { windows: ["1m", "5m", "1h"], channelsMax: 3 };
const MESSAGE_CHARS = 65_536;
const ANSWER_CHARS_MAX = 2_000;

const parse = (message: unknown): ClientRequest =>
  parseRequest(typeof message === "string" ? message : JSON.stringify(message), RULES);

function refusalOf(message: unknown): { code: string; text: string } & ClientRequest {
  const request = parse(message);
  assert.equal(request.kind, "refused", JSON.stringify(message).slice(0, 100));
  const { problem } = request as Extract<ClientRequest, { kind: "refused" }>;
  return { ...request, code: problem.code, text: problem.message };
}

describe("members of a request", () => {
  test("unknown ones are refused by name, with a similar known name", () => {
    const cases: [object, RegExp][] = [
      [{ subscribe: "token:x", window: ["5m"] }, /"window" is not one of them \(did you mean windows\?\)/],
      [{ subscribe: "token:x", conflate: 5 }, /"conflate" is not one of them \(did you mean conflate_ms\?\)/],
      [{ subscribe: "token:x", Fields: ["close"] }, /"Fields" is not one of them \(did you mean fields\?\)/],
      [{ subscribe: "token:x", zzzzqqqq: 1 }, /"zzzzqqqq" is not one of them\./],
      [
        { unsubscribe: "token:x", windows: ["5m"] },
        /with unsubscribe has the members unsubscribe, id\. "windows" is not/,
      ],
      [{ subscribe: "token:x", a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7 }, /2 more are not/],
    ];
    for (const [message, text] of cases) {
      const refusal = refusalOf({ id: "r", ...message });
      assert.deepEqual([refusal.code, refusal.id, refusal.channels], ["invalid_parameters", "r", ["token:x"]]);
      assert.match(refusal.text, text);
    }
    assert.match(refusalOf({ subscrib: "token:x" }).text, /"subscrib" is not one of them \(did you mean subscribe\?\)/);
    assert.match(refusalOf('{"subscribe":"token:x","__proto__":{"windows":["5m"]}}').text, /"__proto__"/);
  });

  test("values of the wrong type and unknown names are refused with the allowed ones", () => {
    const cases: [object, RegExp][] = [
      [{ windows: "5m" }, /windows must be a list of at least one of 1m, 5m, 1h/],
      [{ windows: [5] }, /windows must be a list/],
      [{ windows: ["2m"] }, /"2m".* is not a window of this service; it has 1m, 5m, 1h/],
      [{ windows: ["60m"] }, /"60m" \(did you mean 1h\?\)/],
      [{ fields: [] }, /fields must be a list of at least one of open_time/],
      [{ fields: { close: true } }, /fields must be a list/],
      [{ fields: ["closing"] }, /"closing".* is not a figure; there are open_time, .*previous/],
      [{ fields: ["volumeUsd"] }, /"volumeUsd" \(did you mean volume_usd\?\)/],
      [{ limit: "10" }, /limit must be an integer from 1 to 1000/],
      [{ limit: 0 }, /limit/],
      [{ limit: 1.5 }, /limit/],
      [{ conflate_ms: true }, /conflate_ms must be an integer from 0 to 60000/],
      [{ prefer: "biggest" }, /prefer must be refuse or largest/],
      [{ checksum: 1 }, /checksum must be true or false/],
    ];
    for (const [options, text] of cases) {
      const refusal = refusalOf({ subscribe: "token:x", ...options });
      assert.equal(refusal.code, "invalid_parameters");
      assert.match(refusal.text, text);
      const own = refusalOf({ subscribe: ["token:y", { channel: "token:x", ...options }] });
      assert.deepEqual([own.code, own.channels], ["invalid_parameters", ["token:y", "token:x"]]);
      assert.match(own.text, new RegExp(`subscribe\\[1\\].*${text.source}`));
    }
  });

  test("fields: in the service's order, with complete, without edges and repetition; all of them are the same as none", () => {
    const fieldsOf = (fields: string[]): readonly string[] => {
      const request = parse({ subscribe: "token:x", fields });
      assert.equal(request.kind, "subscribe");
      return (request as Extract<ClientRequest, { kind: "subscribe" }>).requests[0]?.options.fields ?? [];
    };
    assert.deepEqual(fieldsOf(["close", "trades", "close"]), ["complete", "trades", "close"]);
    assert.deepEqual(fieldsOf(["open_time"]), ["complete"]);
    assert.deepEqual(fieldsOf([...statsFields]), []);
  });

  test("a channel's own options go before those of the request; named again, it has those of the last time", () => {
    const request = parse({
      subscribe: [
        "a",
        { channel: "b", windows: ["1h"], conflate_ms: 0, limit: null },
        { channel: "c" },
        { channel: "a", fields: ["close"] },
      ],
      ...{ windows: ["5m"], conflate_ms: 50, limit: 7, prefer: "largest" },
    });
    assert.equal(request.kind, "subscribe");
    const { channels, requests } = request as Extract<ClientRequest, { kind: "subscribe" }>;
    assert.deepEqual(channels, ["a", "b", "c"]);
    const none = { order: undefined, spark: undefined, query: undefined };
    const shared = {
      windows: ["5m"],
      fields: [],
      limit: 7,
      conflateMs: 50,
      prefer: "largest",
      checksum: false,
      ...none,
    };
    assert.deepEqual(requests, [
      { channel: "a", options: { ...shared, fields: ["complete", "close"] } },
      { channel: "b", options: { ...shared, windows: ["1h"], conflateMs: 0 } },
      { channel: "c", options: shared },
    ]);
  });

  test("items of the list that name no channel, and unknown members of an item, are refused with their place", () => {
    const cases: [unknown, string, RegExp][] = [
      [[], "bad_message", /subscribe must name at least one channel/],
      [["a", 5], "bad_message", /subscribe\[1\] must be the name of a channel, or an object \{"channel":"<name>"\}/],
      [[{ windows: ["5m"] }], "bad_message", /subscribe\[0\] must be/],
      [{ channel: null }, "bad_message", /subscribe must be/],
      [[["a"]], "bad_message", /subscribe\[0\] must be/],
      [{ channel: "a", window: ["5m"] }, "invalid_parameters", /subscribe may have .*"window" is not .*mean windows/],
      [[{ channel: "a", id: 1 }], "invalid_parameters", /subscribe\[0\] may have .*"id" is not/],
      [[{ channel: "a", rev: 1 }], "invalid_parameters", /subscribe\[0\] may have .*"rev" is not/],
    ];
    for (const [subscribe, code, text] of cases) {
      const refusal = refusalOf({ subscribe });
      assert.equal(refusal.code, code);
      assert.match(refusal.text, text);
    }
  });

  test("positions of resume, and members of set and pause, are refused with what they must be", () => {
    const at = { channel: "a", epoch: "7", rev: 1 };
    const cases: [object, string, RegExp][] = [
      [{ resume: "a" }, "bad_message", /resume must be an object \{"channel":"<name>","epoch":"..","rev":n\}/],
      [{ resume: [at, "a"] }, "bad_message", /resume\[1\] must be an object/],
      [{ resume: [{ ...at, epoch: 7 }] }, "invalid_parameters", /resume\[0\].epoch must be .* a string; got 7/],
      [{ resume: { channel: "a", epoch: "7" } }, "invalid_parameters", /resume must have rev, or seq/],
      [{ resume: [{ ...at, seq: 1 }] }, "invalid_parameters", /resume\[0\] must have rev, or seq/],
      [{ resume: [{ ...at, rev: -1 }] }, "invalid_parameters", /an integer from 0/],
      [{ resume: [{ ...at, revision: 1 }] }, "invalid_parameters", /"revision" is not one of them/],
      [{ set: "a" }, "bad_message", /set must be an object/],
      [{ set: { conflate_ms: 1 } }, "bad_message", /set must be an object/],
      [
        { set: { channel: "a", windows: ["5m"] } },
        "invalid_parameters",
        /set has the members channel, conflate_ms, checksum/,
      ],
      [{ set: { channel: "a", conflate_ms: -1 } }, "invalid_parameters", /set.conflate_ms must be an integer from 0/],
      [{ set: { channel: "a" }, windows: ["5m"] }, "invalid_parameters", /with set has the members set, id/],
      [{ pause: 1 }, "bad_message", /pause must be true, or false/],
      [{ auth: 5 }, "bad_message", /auth must be a token/],
      [{ auth: "a.b.c", windows: ["5m"] }, "invalid_parameters", /A message with auth has the members auth, id/],
      [{ pause: true, subscribe: "a" }, "bad_message", /must have one of/],
    ];
    for (const [message, code, text] of cases) {
      const refusal = refusalOf(message);
      assert.equal(refusal.code, code, JSON.stringify(message));
      assert.match(refusal.text, text);
    }
  });

  test("unsubscribe names at most as many channels as may be open", () => {
    assert.equal(parse({ unsubscribe: ["a", "b", "c", "c"] }).kind, "unsubscribe");
    assert.equal(refusalOf({ unsubscribe: ["a", "b", "c", "d"] }).code, "too_many_subscriptions");
  });
});

test("hostile texts are refused with a short error", () => {
  const fill = (head: string, piece: string, tail: string): string =>
    head + piece.repeat(Math.floor((MESSAGE_CHARS - head.length - tail.length) / piece.length)) + tail;
  const nested = (head: string): string => {
    const depth = Math.floor((MESSAGE_CHARS - head.length - 1) / 2);
    return `${head}${"[".repeat(depth)}${"]".repeat(depth)}}`;
  };
  const texts = [
    nested('{"subscribe":"token:x","windows":'),
    nested('{"subscribe":"token:x","fields":'),
    nested('{"subscribe":"token:x","limit":'),
    nested('{"subscribe":'),
    nested('{"id":'),
    nested('{"unknown":'),
    "[".repeat(MESSAGE_CHARS),
    '{"a":'.repeat(MESSAGE_CHARS / 5),
    fill('{"subscribe":"token:x"', ',"k":1', "}"),
    fill('{"', "\\u001b", '":1,"subscribe":"token:x"}'),
    fill('{"subscribe":"token:x","windows":["', "\\u0000", '"]}'),
    fill('{"subscribe":"token:x","fields":["', "x", '"]}'),
    fill('{"subscribe":"token:x","limit":', "9", "}"),
    fill('{"subscribe":["', '","', '"],"bad":1}'),
    fill('{"id":"', "é", '","subscribe":"token:x"}'),
    "\n".repeat(MESSAGE_CHARS),
    "\\".repeat(MESSAGE_CHARS),
    '"'.repeat(MESSAGE_CHARS),
  ];
  for (const text of texts) {
    const refusal = refusalOf(text);
    assert.ok(refusal.text.length <= ANSWER_CHARS_MAX, `${text.slice(0, 40)}: ${refusal.text.length}`);
    assert.doesNotMatch(refusal.text, /\p{Cc}/u);
  }
});

test("of many unknown names a few are reported", () => {
  const windows = Array.from({ length: 5_000 }, (_, i) => `w${i}`);
  const { text } = refusalOf({ subscribe: "token:x", windows });
  assert.match(text, /"w4".* is not a window/);
  assert.doesNotMatch(text, /"w5"/);
  assert.ok(text.length < requestLimits.tokenTextMax * 2);
});

describe("the parser of requests and the schema of the protocol", () => {
  const schema = createValidator().compile(clientMessage(RULES.windows));
  const anything = fc.oneof(
    ...[
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.double({ noNaN: true }),
      fc.string(),
      fc.object({ maxDepth: 1 }),
    ],
  );
  const names = (known: readonly string[]) =>
    fc.oneof(fc.subarray([...known]), fc.array(fc.oneof(fc.constantFrom(...known), fc.string())), anything);
  const near = (value: number) => fc.constantFrom(value - 1, value, value + 1, value + 0.5);
  const listOfNames = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("token:WETH", ["token:WETH"], ["token:a", "token:b"]) },
    { weight: 1, arbitrary: fc.array(fc.string(), { maxLength: 3 }) },
    { weight: 1, arbitrary: anything },
  );
  const options = {
    windows: names(RULES.windows),
    fields: names(statsFields),
    limit: fc.oneof(near(1), near(requestLimits.overviewMax), anything),
    conflate_ms: fc.oneof(near(0), near(messageLimits.conflateMsMax), anything),
    prefer: fc.oneof(fc.constantFrom("refuse", "largest"), anything),
    checksum: fc.oneof(fc.boolean(), anything),
    other: anything,
  };
  // ASCII alone: the limit of an id is one of bytes, which a schema cannot say.
  const id = fc.oneof(fc.string({ unit: "grapheme-ascii", maxLength: 140 }), fc.integer(), near(2 ** 53 - 1), anything);
  const few = (members: Record<string, fc.Arbitrary<unknown>>) =>
    fc
      .record(members, { requiredKeys: [] })
      .map((all) => Object.entries(all))
      .chain((all) => fc.subarray(all, { maxLength: Math.min(2, all.length) }))
      .map((some) => Object.fromEntries(some));
  const item = fc
    .tuple(fc.oneof({ weight: 6, arbitrary: fc.constantFrom("token:WETH", "x") }, anything), few(options))
    .map(([channel, given]) => ({ channel, ...given }));
  const position = fc
    .tuple(
      fc.oneof({ weight: 4, arbitrary: fc.constantFrom({ epoch: "7", rev: 4 }, { epoch: "", seq: 0 }) }, fc.object()),
      few({
        epoch: fc.oneof(
          near(messageLimits.epochCharsMax).map((length) => "e".repeat(length)),
          anything,
        ),
        rev: fc.oneof(near(0), near(Number.MAX_SAFE_INTEGER), anything),
        seq: fc.oneof(near(0), anything),
        ...options,
      }),
    )
    .map(([given, more]) => ({ channel: "token:WETH", ...given, ...more }));
  const positions = fc.oneof(position, fc.array(fc.oneof(position, item), { maxLength: 3 }), anything);
  const { conflate_ms, checksum, other } = options;
  const setting = fc.oneof(
    few({ conflate_ms, checksum, other }).map((given) => ({ channel: "x", ...given })),
    item,
    anything,
  );
  const channels = fc.oneof(listOfNames, item, fc.array(fc.oneof(item, fc.string()), { maxLength: 3 }));
  const message = fc
    .tuple(
      fc.oneof(
        { weight: 6, arbitrary: fc.record({ subscribe: channels }) },
        { weight: 2, arbitrary: fc.record({ unsubscribe: listOfNames }) },
        { weight: 4, arbitrary: fc.record({ resume: positions }) },
        { weight: 2, arbitrary: fc.record({ set: setting }) },
        { weight: 2, arbitrary: fc.record({ auth: fc.oneof(fc.string(), anything) }) },
        { weight: 2, arbitrary: fc.record({ pause: fc.oneof(fc.boolean(), anything) }) },
        { weight: 1, arbitrary: fc.record({ subscribe: channels, unsubscribe: listOfNames }, { requiredKeys: [] }) },
      ),
      fc.oneof({ weight: 3, arbitrary: few({ id, ...options }) }, { weight: 1, arbitrary: few({ id }) }),
    )
    .map(([actions, given]) => ({ ...actions, ...given }));

  test("accept the same messages", (t) => {
    const counts = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(message, (given) => {
        const text = JSON.stringify(given);
        const isAccepted = parseRequest(text, { ...RULES, channelsMax: 10 }).kind !== "refused";
        assert.equal(isAccepted, schema(JSON.parse(text)), text);
        counts[isAccepted ? "accepted" : "refused"] += 1;
      }),
      propertyOptions(t, 3_000),
    );
    assert.ok(counts.accepted > 300 && counts.refused > 300, JSON.stringify(counts));
  });
});
