/** Sums profiles of V8's sampling profiler: time by function, and by part of the program. */
import { fileURLToPath } from "node:url";

type ProfileNode = {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
};

/** A file of --cpu-prof: one thread. Times in microseconds. */
export type CpuProfile = {
  readonly nodes: readonly ProfileNode[];
  readonly samples?: readonly number[];
  /** Time of each sample since the one before it. */
  readonly timeDeltas?: readonly number[];
};

/** Says to which part of the program a script belongs. */
export type PartRule = {
  readonly part: string;
  /** What the path begins with. */
  readonly path: string;
  /** The part also has everything that it calls. */
  readonly withCalls: boolean;
};

type FunctionTime = { readonly name: string; selfUs: number; inclusiveUs: number };

export type ProfileSums = {
  /** Without idle time. */
  totalUs: number;
  idleUs: number;
  samples: number;
  readonly functions: Map<string, FunctionTime>;
  /** Each sample is in exactly one part. */
  readonly parts: Map<string, number>;
};

const NATIVE_PART = "native code of Node and V8";
const OTHER_PART = "other scripts";
const IDLE = "(idle)";
const ROOT = "(root)";
const PACKAGES = "node_modules/";
/** What V8 names in place of a function. */
const STATES: ReadonlyMap<string, string> = new Map([
  ["(garbage collector)", "garbage collector"],
  ["(program)", NATIVE_PART],
]);

export function noSums(): ProfileSums {
  return { totalUs: 0, idleUs: 0, samples: 0, functions: new Map(), parts: new Map() };
}

type ProfileScope = {
  /** The folder that paths begin after. */
  readonly root: string;
  /** The first rule that fits a path decides. */
  readonly rules: readonly PartRule[];
  /** Only samples below a function whose name or path contains this text. Empty: all. */
  readonly under: string;
};

/** Adds the samples of one profile to the sums. */
export function addProfile(sums: ProfileSums, profile: CpuProfile, scope: ProfileScope): void {
  const top = profile.nodes.find(({ callFrame }) => callFrame.functionName === ROOT);
  if (top !== undefined) new Walk(sums, profile, scope).visit(top, { part: NATIVE_PART, isFixed: false, isIn: false });
}

type Caller = {
  readonly part: string;
  /** The part has all its calls. */
  readonly isFixed: boolean;
  /** The samples below it are in the scope. */
  readonly isIn: boolean;
};

class Walk {
  readonly #sums: ProfileSums;
  readonly #scope: ProfileScope;
  readonly #byId: ReadonlyMap<number, ProfileNode>;
  readonly #hits = new Map<number, { samples: number; us: number }>();
  /** Functions of the current stack. A recursive one counts once. */
  readonly #onStack = new Set<string>();

  constructor(sums: ProfileSums, { nodes, samples = [], timeDeltas = [] }: CpuProfile, scope: ProfileScope) {
    this.#sums = sums;
    this.#scope = scope;
    this.#byId = new Map(nodes.map((node) => [node.id, node]));
    for (const [i, id] of samples.entries()) {
      const hits = this.#hits.get(id) ?? { samples: 0, us: 0 };
      hits.samples += 1;
      // The time since the sample before. It can be slightly negative where processors disagree.
      hits.us += Math.max(0, timeDeltas[i] ?? 0);
      this.#hits.set(id, hits);
    }
  }

  /** Returns the time in the scope of the node and of everything below it. */
  visit(node: ProfileNode, caller: Caller): number {
    const { root, rules, under } = this.#scope;
    const { functionName, url, lineNumber } = node.callFrame;
    if (functionName === IDLE) {
      this.#sums.idleUs += this.#hits.get(node.id)?.us ?? 0;
      return 0;
    }
    const path = urlToPath(url, root);
    const name =
      path === "" ? functionName || "(anonymous)" : `${functionName || "(anonymous)"} ${path}:${lineNumber + 1}`;
    const isRuled = path !== "" && !caller.isFixed;
    const rule = isRuled ? rules.find((one) => path.startsWith(one.path)) : undefined;
    const part = STATES.get(functionName) ?? (isRuled ? (rule?.part ?? OTHER_PART) : caller.part);
    const isIn = caller.isIn || name.includes(under);
    const isOutermost = !this.#onStack.has(name);
    this.#onStack.add(name);
    const hits = (isIn ? this.#hits.get(node.id) : undefined) ?? { samples: 0, us: 0 };
    let inclusiveUs = hits.us;
    for (const child of node.children ?? []) {
      const isFixed = caller.isFixed || rule?.withCalls === true;
      inclusiveUs += this.visit(this.#byId.get(child)!, { part, isFixed, isIn });
    }
    if (isOutermost) this.#onStack.delete(name);
    this.#sums.samples += hits.samples;
    this.#sums.totalUs += hits.us;
    this.#add(name, part, hits.us, isOutermost ? inclusiveUs : 0);
    return inclusiveUs;
  }

  #add(name: string, part: string, ownUs: number, inclusiveUs: number): void {
    const { functions, parts } = this.#sums;
    if (ownUs > 0) parts.set(part, (parts.get(part) ?? 0) + ownUs);
    const time = functions.get(name) ?? { name, selfUs: 0, inclusiveUs: 0 };
    time.selfUs += ownUs;
    time.inclusiveUs += inclusiveUs;
    functions.set(name, time);
  }
}

/** Returns the path after `root`, `node_modules/...` for a package, `node:...` for Node's own scripts. Empty for native code. */
export function urlToPath(url: string, root: string): string {
  if (!url.startsWith("file:")) return url;
  const path = fileURLToPath(new URL(url.split(/[?#]/, 1)[0]!));
  const inPackages = path.lastIndexOf(PACKAGES);
  if (inPackages !== -1) return path.slice(inPackages);
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}
