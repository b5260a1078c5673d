import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../house/repository.ts";
import { ALL_MUTANTS, isStale } from "../mutants/all.ts";

test("every breakage of the lists has its text exactly once in the engine", () => {
  const stale = ALL_MUTANTS.filter((mutant) => {
    const file = join(REPOSITORY, "server/src/engine", mutant.file);
    return !existsSync(file) || isStale(mutant, readFileSync(file, "utf8"));
  });
  assert.deepEqual(
    stale.map(({ file, search }) => `${file}: ${search}`),
    [],
  );
});

test("the suites that breakages name exist", () => {
  const named = new Set(
    ALL_MUTANTS.flatMap(({ first, suites = [] }) => [...suites, ...(first === undefined ? [] : [first])]),
  );
  for (const suite of named) assert.ok(existsSync(join(REPOSITORY, "server/test/engine", `${suite}.test.ts`)), suite);
});
