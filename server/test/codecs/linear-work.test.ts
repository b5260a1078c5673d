// Imported first, so that everything below is compiled while blocks are counted.
import "../support/work-meter.ts";

import { describe, test } from "node:test";
import { splitBody } from "../../src/codecs/body-splitter.ts";
import { refusalText } from "../../src/codecs/refusal-text.ts";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { hostileBodies } from "../support/hostile-bodies.ts";
import { assertLinear } from "../support/work-meter.ts";

const BYTES = 4000;
const EVENTS_MAX = 10_000;
const decoder = new SwapDecoder();
const event = new SwapEvent();

/** Takes a body as the log thread does: splits it, and decodes each event. */
function takeBody(body: Uint8Array): void {
  const { count, starts, ends } = splitBody(body, EVENTS_MAX);
  for (let i = 0; i < count; i++) decoder.decode(body, starts[i]!, ends[i]!, event);
}

describe("the work of a hostile body grows with its length, not with its square", () => {
  test("a request body, split and decoded", async () => {
    for (const body of hostileBodies) await assertLinear(body, BYTES, takeBody);
  });

  test("a record of a stream, decoded and explained", async () => {
    for (const body of hostileBodies) {
      await assertLinear(body, BYTES, (bytes) => {
        const code = decoder.decode(bytes, 0, bytes.length, event);
        if (code !== undefined) refusalText(code, bytes, 0, bytes.length);
      });
    }
  });
});
