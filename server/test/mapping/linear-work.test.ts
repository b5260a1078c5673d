// Imported first, so that everything below is compiled while blocks are counted.
import "../support/work-meter.ts";

import { test } from "node:test";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { MappedEvents } from "../../src/mapping/mapper.ts";
import { parseMapping } from "../../src/mapping/reading/read-mapping.ts";
import { openMapper } from "../../src/mapping/record-mapper.ts";
import { hostileBodies } from "../support/hostile-bodies.ts";
import { assertLinear } from "../support/work-meter.ts";

const BYTES = 4000;
const SWAP = `
    chain_id: 1
    tx_hash: { hash: [a, b, $.a] }
    log_index: a.b
    token: a
    side: { column: token, values: { B: buy }, lower: true }
    amount_token: { path: amount_token, scale: a }
    amount_usd: { multiply: [amount_usd, "a.b.c"] }
    event_time: { path: event_time, time: s }
`;
const MAPPINGS = [
  "",
  "each: $[*]\n",
  "each: $[*][*].a[*]\nignore_case: true\n",
  // References to the elements around those of `each`.
  'each: $[*][*]\nwhen: ["$[*].a missing", "$[*][*].a missing"]\n',
  'each: $[*][*].a[*].a\nwhen: { any: ["$[*].a exists", "$[*][*].a.a exists", "$[*][*].a[*].b missing"] }\n',
];

test("the work of mapping, decoding and explaining a hostile record grows with its length, not with its square", async () => {
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  const events = new MappedEvents();
  for (const head of MAPPINGS) {
    const mapper = openMapper(parseMapping(`${head}swaps:\n  -${SWAP.slice(4)}`, "m.yaml"));
    for (const body of hostileBodies) {
      // The mapper remembers how the last record was written, so the first one takes another path.
      const first = body.of(BYTES);
      mapper.map({ bytes: first, start: 0, end: first.length }, events);
      await assertLinear(body, BYTES, (bytes) => {
        const record = { bytes, start: 0, end: bytes.length };
        const outcome = mapper.map(record, events);
        if (outcome !== undefined && outcome !== "schema_needed")
          mapper.refusalText(outcome, record, events, undefined);
        let start = 0;
        for (let index = 0; index < events.count; index++) {
          const end = events.ends[index]!;
          const code = decoder.decode(events.bytes, start, end, event);
          // A few are explained: each explanation reads its event again.
          if (code !== undefined && index < 3) mapper.refusalText(code, record, events, index);
          start = end;
        }
      });
    }
  }
});
