/** Which ids are final, against a small model of a sequence, transactions and locks. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { HOLES_MAX, KEPT_HOLES_MAX, type Margin, OpenIds } from "../../../../src/sources/feeders/postgres/open-ids.ts";
import { propertyOptions } from "../../../support/seed.ts";

const NO_MARGIN: Margin = { ids: 0, timeMs: 0 };

/** A table with a sequence. A transaction holds the table's lock from its first row to its end. */
class ModelTable {
  readonly visible = new Set<bigint>();
  readonly open = new Map<string, bigint[]>();
  #next = 1n;
  #names = 0;

  begin(): string {
    this.#names += 1;
    const name = `3/${this.#names}`;
    this.open.set(name, []);
    return name;
  }

  /** Draws an id, which may leave a hole of `skipped` ids before it. */
  insert(name: string, skipped: number): void {
    this.#next += BigInt(skipped);
    this.open.get(name)!.push(this.#next);
    this.#next += 1n;
  }

  end(name: string, commits: boolean): void {
    if (commits) for (const id of this.open.get(name)!) this.visible.add(id);
    this.open.delete(name);
  }

  prepare(name: string): void {
    this.#names += 1;
    this.open.set(`-1/${this.#names}`, this.open.get(name)!);
    this.open.delete(name);
  }

  get newest(): bigint | undefined {
    return [...this.visible].reduce<bigint | undefined>(
      (max, id) => (max === undefined || id > max ? id : max),
      undefined,
    );
  }

  within(low: bigint, high: bigint): bigint[] {
    return [...this.visible].filter((id) => id >= low && id <= high).toSorted((a, b) => (a < b ? -1 : 1));
  }
}

/** Reads as the origin does: the holes, then what follows, at most `limit` rows. `between` runs after the observation. */
function pass(ids: OpenIds, table: ModelTable, nowMs: number, limit: number, between = (): void => {}): bigint[] {
  ids.observe({ newest: table.newest, writers: [...table.open.keys()], standby: undefined }, nowMs);
  between();
  const late = ids.holesToRead().flatMap(({ low, high }) => table.within(low, high));
  const page = late.slice(0, limit);
  if (late.length > limit) {
    ids.add(page, page.at(-1));
    return page;
  }
  const room = limit - page.length;
  const following = table.within(ids.last + 1n, 2n ** 62n);
  const next = following.slice(0, room);
  const readTo = room === 0 ? ids.last : following.length > room ? next.at(-1) : undefined;
  ids.add([...page, ...next], readTo);
  return [...page, ...next];
}

type Step =
  | { kind: "begin" }
  | { kind: "insert" | "commit" | "rollback" | "prepare"; which: number; skipped: number }
  | { kind: "pass"; limit: number; endsBetween: boolean }
  | { kind: "restart"; knows: boolean };

const which = fc.nat(4);
const skipped = fc.constantFrom(0, 0, 0, 1, 40);
const stepOf = (kind: "insert" | "commit" | "rollback" | "prepare") =>
  fc.record({ kind: fc.constant(kind), which, skipped });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("begin" as const) }) },
  { weight: 8, arbitrary: stepOf("insert") },
  { weight: 3, arbitrary: stepOf("commit") },
  { weight: 1, arbitrary: stepOf("rollback") },
  { weight: 1, arbitrary: stepOf("prepare") },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      limit: fc.constantFrom(1, 2, 3, 1000),
      endsBetween: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), knows: fc.boolean() }) },
);

class Run {
  readonly table = new ModelTable();
  readonly read: bigint[] = [];
  readonly #margin: Margin;
  #ids: OpenIds;
  #nowMs = 0;
  restarts = 0;

  constructor(margin: Margin) {
    this.#margin = margin;
    this.#ids = new OpenIds(0n, margin);
  }

  step(step: Step): void {
    const open = [...this.table.open.keys()];
    switch (step.kind) {
      case "begin":
        this.table.begin();
        return;
      case "pass":
        this.pass(step.limit, () => {
          if (step.endsBetween && open[0] !== undefined) this.table.end(open[0], true);
        });
        return;
      case "restart":
        if (!step.knows) this.restarts += 1;
        this.#ids = new OpenIds(this.#ids.after, this.#margin, step.knows ? this.#ids.kept : undefined);
        return;
      default: {
        const name = open[step.which % Math.max(1, open.length)];
        if (name === undefined) return;
        if (step.kind === "insert" && !name.startsWith("-1/")) this.table.insert(name, step.skipped);
        if (step.kind === "prepare" && !name.startsWith("-1/")) this.table.prepare(name);
        if (step.kind === "commit" || step.kind === "rollback") this.table.end(name, step.kind === "commit");
      }
    }
  }

  pass(limit: number, between?: () => void): bigint[] {
    this.#nowMs += 10;
    const rows = pass(this.#ids, this.table, this.#nowMs, limit, between);
    this.read.push(...rows);
    this.check();
    return rows;
  }

  /** Nothing up to `after` is missing, or can still appear. */
  check(): void {
    const { after } = this.#ids;
    const read = new Set(this.read);
    for (const id of this.table.visible)
      assert.ok(id > after || read.has(id), `${id} is behind ${after} and was not read`);
    for (const drawn of this.table.open.values()) {
      for (const id of drawn) assert.ok(id > after, `${id} is open, and everything up to ${after} is final`);
    }
  }

  get after(): bigint {
    return this.#ids.after;
  }
}

suite("ids that are not final", () => {
  test("whatever commits late is read, each row once unless a restart forgets the holes, and what is final is complete", (t) => {
    const margins = fc.constantFrom<Margin>(
      NO_MARGIN,
      { ids: 3, timeMs: 0 },
      { ids: 0, timeMs: 25 },
      { ids: 5, timeMs: 100 },
    );
    const property = fc.property(margins, fc.array(STEP, { maxLength: 60, size: "max" }), (margin, steps) => {
      const run = new Run(margin);
      for (const step of steps) run.step(step);
      for (const name of [...run.table.open.keys()]) run.table.end(name, true);
      while (run.pass(3).length > 0);
      const read = run.read.toSorted((a, b) => (a < b ? -1 : 1));
      const rows = run.table.within(0n, 2n ** 62n);
      if (run.restarts === 0) assert.deepEqual(read, rows);
      else assert.deepEqual(new Set(read), new Set(rows));
    });
    fc.assert(property, propertyOptions(t, 3_000));
  });

  test("without a margin everything is final when nobody writes", () => {
    const run = new Run(NO_MARGIN);
    const name = run.table.begin();
    for (let i = 0; i < 5; i++) run.table.insert(name, 2);
    run.table.end(name, true);
    run.pass(1000);
    assert.equal(run.after, run.table.newest);
  });

  test("the margins hold the final id back by their ids and their time", () => {
    const ids = new OpenIds(0n, { ids: 2, timeMs: 100 });
    const table = new ModelTable();
    const insert = (): void => {
      const name = table.begin();
      table.insert(name, 0);
      table.end(name, true);
    };
    for (let i = 0; i < 5; i++) insert();
    pass(ids, table, 0, 1000);
    pass(ids, table, 99, 1000);
    assert.equal(ids.after, 0n);
    pass(ids, table, 100, 1000);
    assert.equal(ids.after, 3n);
    insert();
    pass(ids, table, 101, 1000);
    assert.equal(ids.after, 4n);
  });

  test("more holes than the limit become a coarse one, which is read once in full when it is final", () => {
    const ids = new OpenIds(0n, NO_MARGIN);
    const table = new ModelTable();
    const late = table.begin();
    table.insert(late, 0);
    const name = table.begin();
    for (let i = 0; i < HOLES_MAX + 10; i++) table.insert(name, 1);
    table.end(name, true);
    const first = pass(ids, table, 1, 10_000);
    assert.equal(first.length, HOLES_MAX + 10);
    assert.ok(ids.holesToRead().length <= HOLES_MAX);
    assert.deepEqual(pass(ids, table, 2, 10_000), [], "a coarse hole is not read while a writer is open");
    table.end(late, true);
    const second = pass(ids, table, 3, 500);
    assert.equal(second[0], 1n, "the late row");
    for (let ms = 4; ; ms++) if (pass(ids, table, ms, 500).length === 0) break;
    assert.equal(ids.after, table.newest);
    assert.deepEqual(ids.holesToRead(), []);
  });

  test("as many holes as a position holds are kept, and one more is not", () => {
    const table = new ModelTable();
    table.begin();
    const name = table.begin();
    const ids = new OpenIds(0n, NO_MARGIN);
    for (let i = 0; i < KEPT_HOLES_MAX; i++) table.insert(name, 1);
    table.end(name, true);
    pass(ids, table, 1, 10_000);
    assert.equal(ids.kept?.holes.length, KEPT_HOLES_MAX);
    const other = table.begin();
    table.insert(other, 1);
    table.end(other, true);
    pass(ids, table, 2, 10_000);
    assert.equal(ids.kept, undefined);
  });

  test("exactly as many holes as the limit are all kept", () => {
    const ids = new OpenIds(0n, NO_MARGIN);
    const table = new ModelTable();
    table.begin();
    const name = table.begin();
    for (let i = 0; i < HOLES_MAX; i++) table.insert(name, 1);
    table.end(name, true);
    pass(ids, table, 1, 10_000);
    assert.equal(ids.holesToRead().length, HOLES_MAX);
  });

  test("a transaction that is prepared under another name still holds its ids open", () => {
    const run = new Run(NO_MARGIN);
    const late = run.table.begin();
    run.table.insert(late, 0);
    const name = run.table.begin();
    run.table.insert(name, 0);
    run.table.end(name, true);
    run.pass(10);
    run.table.prepare(late);
    run.pass(10);
    run.pass(10);
    assert.equal(run.after, 0n);
    run.table.end([...run.table.open.keys()][0]!, true);
    assert.deepEqual(run.pass(10), [1n]);
    assert.equal(run.after, 2n);
  });

  test("on a standby an id is final when all transactions of its observation have ended", () => {
    const ids = new OpenIds(0n, NO_MARGIN);
    const observe = (newest: bigint, oldest: bigint, next: bigint): void =>
      ids.observe({ newest, writers: [], standby: { oldest, next } }, 0);
    observe(5n, 100n, 103n);
    ids.add([5n], undefined);
    assert.equal(ids.after, 0n);
    observe(6n, 102n, 110n);
    ids.add([6n], undefined);
    assert.equal(ids.after, 0n);
    observe(6n, 103n, 110n);
    ids.add([], undefined);
    assert.equal(ids.after, 5n);
  });
});
