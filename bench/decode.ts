/**
 * Decoding against JSON.parse of the same bytes, in the same run. Both sides start from bytes, so JSON.parse first has to make text of
 * them. Short rounds alternate, and the fastest of each side counts, because other work on the machine only ever adds time.
 */
import { SwapDecoder } from "../server/src/codecs/swap-decoder.ts";
import { SwapEvent } from "../server/src/engine/swaps/swap-event.ts";
import { report } from "./report.ts";
import { type Chunk, Workload } from "./support/workload.ts";

const RECORDS = 4000;
const RECORDS_PER_ROUND = 400;
const ROUNDS = 1500;
const GOAL = 2.5;

type Measured = { readonly decodeNs: number; readonly parseNs: number; readonly bytes: number };

function measure({ bytes, starts, ends }: Chunk): Measured {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  let refused = 0;
  let sum = 0;
  let decodeNs = Number.POSITIVE_INFINITY;
  let parseNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const from = (round * RECORDS_PER_ROUND) % RECORDS;
    const t0 = process.hrtime.bigint();
    for (let i = from; i < from + RECORDS_PER_ROUND; i++) {
      if (decoder.decode(bytes, starts[i] as number, ends[i] as number, event) !== undefined) refused++;
    }
    const t1 = process.hrtime.bigint();
    for (let i = from; i < from + RECORDS_PER_ROUND; i++) {
      sum += JSON.parse(text.toString("utf8", starts[i], ends[i])).event_time;
    }
    const t2 = process.hrtime.bigint();
    decodeNs = Math.min(decodeNs, Number(t1 - t0) / RECORDS_PER_ROUND);
    parseNs = Math.min(parseNs, Number(t2 - t1) / RECORDS_PER_ROUND);
  }
  if (refused > 0 || !(sum > 0)) throw new Error(`${refused} records of the benchmark were refused`);
  return { decodeNs, parseNs, bytes: (ends[RECORDS - 1] as number) / RECORDS };
}

/** The same records, each as another producer would write it. */
function rewritten({ bytes, starts, ends }: Chunk, rewrite: (record: string) => string): Chunk {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const records = Array.from(starts, (start, i) => Buffer.from(rewrite(text.toString("utf8", start, ends[i]))));
  const newStarts = new Uint32Array(records.length);
  const newEnds = new Uint32Array(records.length);
  let at = 0;
  records.forEach((record, i) => {
    newStarts[i] = at;
    at += record.length;
    newEnds[i] = at;
  });
  return { bytes: Buffer.concat(records), starts: newStarts, ends: newEnds };
}

/** Addresses with upper-case letters, as wallets show them. */
function withChecksums(record: string): string {
  return record.replace(
    /"0x[0-9a-f]{40}"/g,
    (address) => `"0x${address.slice(3, 23).toUpperCase()}${address.slice(23)}`,
  );
}

/** As Python's json.dumps writes it. */
function withSpaces(record: string): string {
  return record.replaceAll('":', '": ').replaceAll(',"', ', "');
}

/** Optional fields that come and go break the order of names that the decoder expects. */
function withGaps(record: string, index: number): string {
  return index % 3 === 0 ? record.replace(/"(pool|token_symbol)":"[^"]*",/g, "") : record;
}

const ratioOf = ({ decodeNs, parseNs }: Measured): number => parseNs / decodeNs;

const chunk = new Workload().chunk(RECORDS);
const plain = measure(chunk);
const checksums = ratioOf(measure(rewritten(chunk, withChecksums)));
const spaces = ratioOf(measure(rewritten(chunk, withSpaces)));
let index = 0;
const gaps = ratioOf(measure(rewritten(chunk, (record) => withGaps(record, index++))));

report({
  what: "decode against JSON.parse of the same bytes",
  goal: `at least ${GOAL} times its rate`,
  figure: `${ratioOf(plain).toFixed(2)} times (${plain.decodeNs.toFixed(0)} ns against ${plain.parseNs.toFixed(0)} ns)`,
  met: ratioOf(plain) >= GOAL,
  note: `The records have ${plain.bytes.toFixed(0)} bytes and 18 fields. With upper-case addresses the ratio is ${checksums.toFixed(2)}, with spaces ${spaces.toFixed(2)}, with fields that are not in every record ${gaps.toFixed(2)}. Two thirds of the time is spent on reading the bytes, four at a time.`,
  values: {
    ns: plain.decodeNs,
    "times JSON.parse": ratioOf(plain),
    "times, upper case": checksums,
    "times, spaces": spaces,
    "times, gaps": gaps,
  },
});
