/**
 * The place of a test: the tests of `server/src/x/y.ts` are in `server/test/x/y.test.ts`. A test in a mirrored folder tests a source of the
 * same folder. Suites over several parts have folders of their own, which are listed here.
 */
import { posix } from "node:path";
import { importsOf } from "./imports.ts";
import { resolveImport } from "./layers.ts";
import type { Files, Problem } from "./problem.ts";
import { sourceOf } from "./source.ts";

/** Folders below server/test whose suites belong to no single source, each with its purpose. */
export const SUITES: Readonly<Record<string, string>> = {
  chaos: "Several instances over real servers that are killed and cut off at random.",
  crash: "One service that is killed with SIGKILL under load, again and again.",
  engine: "Behaviour of the whole engine, compared with the naive model.",
  instances: "Several instances of the whole program that share a topic of Kafka.",
  model: "The naive model, held to the written vectors.",
  program: "One whole program, as a process or in the test, through its commands and doors.",
  "serving/http": "The whole door of HTTP over real connections.",
  "serving/websocket": "The whole door of WebSocket over real connections.",
  stores: "One contract of checkpoint stores and their faults, on real servers.",
};

const TESTS = "server/test/";
const SOURCES = "server/src/";
/** Folder of the helpers that several folders use. */
const SUPPORT = "support";

export function checkTestPlaces(files: Files): Problem[] {
  const problems: Problem[] = [];
  for (const file of files.keys()) {
    if (!file.startsWith(TESTS) || !file.endsWith(".ts")) continue;
    const folder = posix.dirname(file).slice(TESTS.length);
    const message = file.endsWith(".test.ts")
      ? misplacedTest(files, file, folder)
      : misplacedHelper(files, file, folder);
    if (message !== undefined) problems.push({ file, line: 1, message });
  }
  return problems;
}

function misplacedTest(files: Files, file: string, folder: string): string | undefined {
  const stem = posix.basename(file, ".test.ts");
  const imported = targetsOf(files, file);
  const namesake = imported.find((target) => target.startsWith(SOURCES) && posix.basename(target) === `${stem}.ts`);
  if (namesake !== undefined && posix.dirname(namesake) !== SOURCES + folder) {
    return `tests ${namesake}, so it stands in ${posix.dirname(namesake).replace(SOURCES, TESTS)}`;
  }
  if (folder in SUITES || files.has(`${SOURCES}${folder}/${stem}.ts`)) return undefined;
  const helpers = imported.filter((target) => target.startsWith(TESTS));
  const reached = [...imported, ...helpers.flatMap((helper) => targetsOf(files, helper))];
  if (reached.some((target) => target.startsWith(`${SOURCES}${folder}/`))) return undefined;
  return `tests nothing of ${SOURCES}${folder}, and is in no folder of suites (scripts/house/test-places.ts)`;
}

/** A helper must be beside a file that uses it, or in the common folder of helpers. */
function misplacedHelper(files: Files, file: string, folder: string): string | undefined {
  if (folder === SUPPORT || folder in SUITES) return undefined;
  const name = posix.basename(file);
  const parent = folder.endsWith(`/${SUPPORT}`) ? posix.dirname(folder) : folder;
  for (const [other, text] of files) {
    if (other !== file && other.startsWith(`${TESTS}${parent}/`) && text.includes(`${name}"`)) return undefined;
  }
  return `nothing beside it uses it; helpers of several folders stand in ${TESTS}${SUPPORT}`;
}

function targetsOf(files: Files, file: string): string[] {
  return importsOf(sourceOf(files, file))
    .map((entry) => resolveImport(file, entry.specifier))
    .filter((target): target is string => target !== undefined && files.has(target));
}
