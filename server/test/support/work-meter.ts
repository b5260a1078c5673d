/**
 * Measures the work of code in steps instead of time, so that a test on a busy machine can distinguish linear from quadratic.
 *
 * A step is one execution of a block of JavaScript (the body of a loop, a branch, a function). V8's precise coverage counts them exactly,
 * in every loaded module: our own and those of packages. Code inside V8 has no blocks. The built-in functions that scan bytes or texts are
 * therefore wrapped during a measurement, and add the size that they scan. A substring is no scan, because V8 does not copy it. JSON.parse
 * counts as one scan over its text, and a regular expression as one from its start position to its end.
 */
import assert from "node:assert/strict";
import { Session } from "node:inspector";

/** Bytes of a word: a copy or a search processes memory in words at least. */
const WORD_BYTES = 8;

type Coverage = {
  readonly result: readonly { readonly url: string; readonly functions: readonly CoveredFunction[] }[];
};
type CoveredFunction = { readonly ranges: readonly { readonly count: number }[] };
type Patch = { readonly owner: object; readonly name: string; readonly original: unknown };

let walked = 0;

/** Returns how much of `size` one call scans, given its receiver, its arguments and its result. */
type Cost = (self: { readonly length: number }, args: readonly unknown[], result: unknown) => number;

const wholeSelf: Cost = (self) => self.length;
const ofResult: Cost = (_self, _args, result) => (result as { readonly length: number }).length;
const ofArgument: Cost = (_self, args) => (args[0] as { readonly length?: number } | undefined)?.length ?? 0;
const searched: Cost = (self, args, result) => {
  const from = typeof args[1] === "number" ? args[1] : 0;
  return Math.max(0, ((result as number) < 0 ? self.length : (result as number)) - from);
};

const COUNTED: readonly (readonly [owner: object, name: string, cost: Cost])[] = [
  [Uint8Array.prototype, "indexOf", searched],
  [Uint8Array.prototype, "fill", wholeSelf],
  [Uint8Array.prototype, "set", ofArgument],
  [Uint8Array.prototype, "slice", ofResult],
  [Buffer.prototype, "indexOf", searched],
  [Buffer.prototype, "copy", (_self, args) => Number(args[3] ?? 0) - Number(args[2] ?? 0)],
  [Buffer.prototype, "toString", ofResult],
  [Buffer, "concat", ofResult],
  [Buffer, "from", (_self, args) => (typeof args[0] === "string" ? args[0].length : 0)],
  [String.prototype, "indexOf", searched],
  [String.prototype, "includes", wholeSelf],
  [String.prototype, "split", wholeSelf],
  [String.prototype, "replaceAll", wholeSelf],
  [String.prototype, "replace", wholeSelf],
  [String.prototype, "toLowerCase", wholeSelf],
  [String.prototype, "trim", wholeSelf],
  [Array.prototype, "indexOf", searched],
  [Array.prototype, "includes", wholeSelf],
  [Array.prototype, "splice", wholeSelf],
  [Array.prototype, "shift", wholeSelf],
  [Array.prototype, "unshift", wholeSelf],
  [Array.prototype, "join", wholeSelf],
  [JSON, "parse", ofArgument],
  [TextDecoder.prototype, "decode", ofArgument],
];

function patch(): Patch[] {
  const patches = COUNTED.map(([owner, name, cost]): Patch => {
    const holder = owner as Record<string, (...args: unknown[]) => unknown>;
    const original = holder[name] as (...args: unknown[]) => unknown;
    holder[name] = function counted(this: { readonly length: number }, ...args: unknown[]): unknown {
      const result = original.apply(this, args);
      walked += Math.ceil(cost(this, args, result) / WORD_BYTES);
      return result;
    };
    return { owner, name, original };
  });
  return [...patches, patchExec()];
}

/** `exec` also runs inside `test`, `match`, `replace` and `split` once it is not the original. */
function patchExec(): Patch {
  const owner = RegExp.prototype;
  const original = owner.exec;
  owner.exec = function counted(this: RegExp, text: string): RegExpExecArray | null {
    const from = this.global || this.sticky ? this.lastIndex : 0;
    const result = original.call(this, text);
    const to = result === null ? (this.sticky ? from : text.length) : result.index + result[0].length;
    walked += Math.ceil(Math.max(0, to - from) / WORD_BYTES);
    return result;
  };
  return { owner, name: "exec", original };
}

const session = new Session();
session.connect();
// Starts here, because functions count their blocks only if they are compiled while the coverage is on. This module must be imported before
// the measured ones.
post("Profiler.enable");
post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });

function post<T>(method: string, params?: object): T {
  let answer: unknown;
  // The session is on this thread, so it responds before `post` returns.
  session.post(method, params as never, (error: Error | null, result: unknown) => {
    if (error !== null) throw error;
    answer = result;
  });
  return answer as T;
}

/**
 * Returns the steps of `work`, including those after its awaits. One measurement runs at a time. Other code that runs meanwhile is counted
 * too.
 */
async function stepsOf(work: () => unknown): Promise<number> {
  // Taking a coverage resets the counts.
  post("Profiler.takePreciseCoverage");
  walked = 0;
  const patches = patch();
  try {
    await work();
  } finally {
    for (const { owner, name, original } of patches) (owner as Record<string, unknown>)[name] = original;
  }
  const { result } = post<Coverage>("Profiler.takePreciseCoverage");
  let blocks = 0;
  for (const { url, functions } of result) {
    if (url.endsWith("/work-meter.ts") || url.startsWith("node:")) continue;
    for (const { ranges } of functions) for (const { count } of ranges) blocks += count;
  }
  return blocks + walked;
}

/** Steps that do not grow with the input: tables that are filled, buffers that double. */
const STEPS_FIXED = 6000;
/** The highest cost ratio for four times the input. Five leaves room for buffers that double. */
const GROWTH_MAX = 5;
/** Steps for each byte: no parser of ours looks at a byte more often than this. */
const STEPS_PER_BYTE_MAX = 60;

/** Asserts that `parse` works in proportion to its input, at `bytes` and at four times as many. It may refuse the input by an exception. */
export async function assertLinear(
  body: { readonly name: string; of(bytes: number): Uint8Array },
  bytes: number,
  parse: (input: Buffer) => unknown,
  stepsPerByteMax: number = STEPS_PER_BYTE_MAX,
): Promise<void> {
  const measure = (input: Buffer): Promise<number> =>
    stepsOf(async () => {
      try {
        await parse(input);
      } catch {
        // A refusal is a valid result. Its cost is counted.
      }
    });
  const small = Buffer.from(body.of(bytes));
  const large = Buffer.from(body.of(4 * bytes));
  const few = await measure(small);
  const many = await measure(large);
  const what = `${body.name}: ${few} steps for ${small.length} bytes, ${many} for ${large.length}`;
  assert.ok(many <= GROWTH_MAX * few + STEPS_FIXED, what);
  assert.ok(many <= stepsPerByteMax * large.length + STEPS_FIXED, what);
}
