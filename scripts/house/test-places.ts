/**
 * The place of a test: the tests of `server/src/x/y.ts` are in `server/test/x/y.test.ts`, and those of the client and the dashboard alike. A test in a mirrored folder tests a source of the
 * same folder. Suites over several parts have folders of their own, which are listed here.
 */
import { posix } from "node:path";
import { importsOf } from "./imports.ts";
import { resolveImport } from "./layers.ts";
import type { Files, Problem } from "./problem.ts";
import { isCode, sourceOf } from "./source.ts";

/** Folders whose suites belong to no single source, each with its purpose. */
export const SUITES: Readonly<Record<string, string>> = {
  "sdk/test/package": "The packed client, as a program that installs it has it.",
  "sdk/test/whole": "Clients of whole services: what they show under chaos, and what they leave behind.",
  "server/test/chaos": "Several instances over real servers that are killed and cut off at random.",
  "server/test/crash": "One service that is killed with SIGKILL under load, again and again.",
  "server/test/engine": "Behaviour of the whole engine, compared with the naive model.",
  "server/test/history": "The history of a partition over stores that fail, with owners that end anywhere.",
  "server/test/instances": "Several instances of the whole program that share a topic of Kafka.",
  "server/test/mapping/model": "The naive model of mappings, with random mappings and records.",
  "server/test/model": "The naive model, held to the written vectors.",
  "server/test/program": "One whole program, as a process or in the test, through its commands and doors.",
  "server/test/serving/http": "The whole door of HTTP over real connections.",
  "server/test/serving/websocket": "The whole door of WebSocket over real connections.",
  "server/test/stores/history": "One contract of history stores, on real servers.",
  "server/test/stores": "One contract of checkpoint stores and their faults, on real servers.",
};

/** Packages whose tests mirror their sources. */
const PACKAGES = ["server", "sdk", "dashboard"];
/** Folder of the helpers that several folders use. */
const SUPPORT = "support";
/** Helpers that open the page in a browser. */
const BROWSER_SUPPORT = "dashboard/test/support/";

export function checkTestPlaces(files: Files): Problem[] {
  const problems: Problem[] = [];
  for (const file of files.keys()) {
    const name = PACKAGES.find((one) => file.startsWith(`${one}/test/`));
    if (name === undefined || !isCode(file)) continue;
    const message = file.endsWith(".test.ts") ? misplacedTest(files, file, name) : misplacedHelper(files, file, name);
    if (message !== undefined) problems.push({ file, line: 1, message });
  }
  return problems;
}

function misplacedTest(files: Files, file: string, name: string): string | undefined {
  const [tests, sources] = [`${name}/test`, `${name}/src`];
  const stem = posix.basename(file, ".test.ts");
  const place = posix.dirname(file);
  const mirrored = place.replace(tests, sources);
  const imported = targetsOf(files, file);
  const namesake = imported.find((target) => target.startsWith(`${sources}/`) && stemOf(target) === stem);
  if (namesake !== undefined && posix.dirname(namesake) !== mirrored) {
    return `tests ${namesake}, so it stands in ${posix.dirname(namesake).replace(sources, tests)}`;
  }
  if (place in SUITES || files.has(`${mirrored}/${stem}.ts`) || files.has(`${mirrored}/${stem}.tsx`)) return undefined;
  const helpers = imported.filter((target) => target.startsWith(`${tests}/`));
  const reached = [...imported, ...helpers.flatMap((helper) => targetsOf(files, helper))];
  if (reached.some((target) => target.startsWith(`${mirrored}/`))) return undefined;
  // A test of the page opens it in a browser, and one of style sheets reads them.
  const beside = [...files.keys()].filter((source) => source.startsWith(`${mirrored}/`));
  const opensPage = helpers.some((helper) => helper.startsWith(BROWSER_SUPPORT));
  if (beside.length > 0 && (opensPage || !beside.some(isCode))) return undefined;
  return `tests nothing of ${mirrored}, and is in no folder of suites (scripts/house/test-places.ts)`;
}

/** A helper must be beside a file that uses it, or in the common folder of helpers. */
function misplacedHelper(files: Files, file: string, name: string): string | undefined {
  const place = posix.dirname(file);
  const common = `${name}/test/${SUPPORT}`;
  if (place === common || place in SUITES) return undefined;
  const base = posix.basename(file);
  const parent = place.endsWith(`/${SUPPORT}`) ? posix.dirname(place) : place;
  for (const [other, text] of files) {
    if (other !== file && other.startsWith(`${parent}/`) && text.includes(`${base}"`)) return undefined;
  }
  return `nothing beside it uses it; helpers of several folders stand in ${common}`;
}

const stemOf = (file: string): string => posix.basename(file).replace(/\.tsx?$/, "");

function targetsOf(files: Files, file: string): string[] {
  return importsOf(sourceOf(files, file))
    .map((entry) => resolveImport(file, entry.specifier))
    .filter((target): target is string => target !== undefined && files.has(target));
}
