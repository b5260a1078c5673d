import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkCycles } from "../house/cycles.ts";
import { checkLayers, layerOf, pureFiles } from "../house/layers.ts";
import { checkMemoryLayout } from "../house/memory-layout.ts";
import { checkPackages } from "../house/packages.ts";
import type { Files, Problem } from "../house/problem.ts";
import { checkPurity } from "../house/purity.ts";
import { readRepository } from "../house/repository.ts";
import { checkTestPlaces, SUITES } from "../house/test-places.ts";
import { checkTexts, FILE_LINES_MAX } from "../house/texts.ts";

type Check = (files: Files) => Problem[];

const run = (check: Check, files: Record<string, string>): string[] =>
  check(new Map(Object.entries(files))).map((problem) => `${problem.file}:${problem.line}: ${problem.message}`);

/** Each check must fail on what it forbids. A rule that was never seen to fail protects nothing. */
function fails(check: Check, files: Record<string, string>, expected: RegExp): void {
  const problems = run(check, files);
  assert.equal(problems.length, 1, problems.join("\n"));
  assert.match(problems[0]!, expected);
}
const passes = (check: Check, files: Record<string, string>): void => assert.deepEqual(run(check, files), []);

const SRC = "server/src";

describe("layers", () => {
  test("a file's layer is its folder, or its name at the top", () => {
    assert.equal(layerOf("server/src/engine/types.ts"), "engine");
    assert.equal(layerOf("server/src/serving/websocket/session.ts"), "serving");
    assert.equal(layerOf("server/src/main.ts"), "main");
    assert.equal(layerOf("protocol/src/messages.ts"), "protocol");
    assert.equal(layerOf("sdk/src/live/socket.ts"), "sdk");
    assert.equal(layerOf("dashboard/src/ui/parts.tsx"), "dashboard");
    assert.equal(layerOf("server/test/engine/sums.test.ts"), undefined);
    assert.equal(layerOf("dashboard/vite.config.ts"), undefined);
  });

  test("the client uses nothing but itself, and the dashboard the client alone", () => {
    const files = { "sdk/src/index.ts": "", "protocol/src/m.ts": "", "dashboard/src/main.tsx": "" };
    const client = (text: string) => ({ ...files, "sdk/src/http.ts": text });
    passes(checkLayers, client(`import { a } from "./index.ts";`));
    fails(
      checkLayers,
      client(`import type { M } from "@swapstats/protocol/m.ts";`),
      /sdk may not import from protocol/,
    );
    fails(checkLayers, client(`import "node:fs";`), /neither Node nor packages/);
    fails(checkLayers, client(`import "ws";`), /neither Node nor packages/);
    fails(checkLayers, client(`import "../../server/src/main.ts";`), /no file/);
    const page = (text: string) => ({ ...files, "dashboard/src/ui/parts.tsx": text });
    passes(checkLayers, page(`import "@swapstats/client"; import "preact";`));
    fails(checkLayers, page(`import "@swapstats/protocol/m.ts";`), /dashboard may not import from protocol/);
    fails(checkLayers, { ...files, "server/src/shared/s.ts": `import "preact";` }, /belongs to dashboard/);
    passes(checkLayers, { ...files, "server/src/cli/top.ts": `import "@swapstats/client";` });
    fails(
      checkLayers,
      { ...files, "server/src/bus/b.ts": `import "@swapstats/client";` },
      /bus may not import from sdk/,
    );
  });

  test("views of the dashboard never know each other", () => {
    const files = {
      "dashboard/src/ui/parts.tsx": "",
      "dashboard/src/token/view.tsx": "",
      "dashboard/src/app/app.tsx": "",
    };
    const view = (text: string) => ({ ...files, "dashboard/src/screener/view.tsx": text });
    passes(checkLayers, view(`import "../ui/parts.tsx";`));
    fails(checkLayers, view(`import "../token/view.tsx";`), /dashboard\/screener may not import from dashboard\/token/);
    fails(checkLayers, view(`import "../app/app.tsx";`), /dashboard\/screener may not import from dashboard\/app/);
    passes(checkLayers, { ...files, "dashboard/src/app/app.tsx": `import "../token/view.tsx";` });
  });

  test("imports go down", () => {
    passes(checkLayers, {
      [`${SRC}/app.ts`]: `import { a } from "./pipeline/a.ts"; import { b } from "./serving/b.ts";`,
      [`${SRC}/pipeline/a.ts`]: `import { e } from "../engine/e.ts";`,
      [`${SRC}/serving/b.ts`]: `import "@swapstats/protocol/m.ts";`,
      [`${SRC}/engine/e.ts`]: `import { s } from "../shared/s.ts";`,
      [`${SRC}/shared/s.ts`]: `import { readFileSync } from "node:fs";`,
      "protocol/src/m.ts": "",
    });
  });

  test("serving and pipeline never import each other", () => {
    const files = { [`${SRC}/pipeline/a.ts`]: "", [`${SRC}/serving/b.ts`]: "" };
    fails(checkLayers, { ...files, [`${SRC}/serving/b.ts`]: `import "../pipeline/a.ts";` }, /b\.ts:1: serving may not/);
    fails(
      checkLayers,
      { ...files, [`${SRC}/pipeline/a.ts`]: `import type { B } from "../serving/b.ts";` },
      /pipeline may/,
    );
  });

  test("nothing imports up, including thread entries", () => {
    const files = { [`${SRC}/app.ts`]: "", [`${SRC}/codecs/c.ts`]: "", [`${SRC}/engine/e.ts`]: "" };
    fails(
      checkLayers,
      { ...files, [`${SRC}/codecs/c.ts`]: `\nexport { a } from "../app.ts";` },
      /c\.ts:2: codecs may not/,
    );
    const worker = `new Worker(new URL("../app.ts", import.meta.url));`;
    fails(checkLayers, { ...files, [`${SRC}/codecs/c.ts`]: worker }, /codecs may not import from app/);
    fails(checkLayers, { ...files, [`${SRC}/engine/e.ts`]: `import "../codecs/c.ts";` }, /engine may not/);
  });

  test("the bus imports only types of the engine, and of serving only its history uses it", () => {
    const files = { [`${SRC}/engine/e.ts`]: "", [`${SRC}/bus/b.ts`]: `import type { E } from "../engine/e.ts";` };
    passes(checkLayers, files);
    fails(checkLayers, { ...files, [`${SRC}/bus/b.ts`]: `import { e } from "../engine/e.ts";` }, /types alone/);
    fails(
      checkLayers,
      { ...files, [`${SRC}/serving/b.ts`]: `import type { E } from "../engine/e.ts";` },
      /of serving, only server\/src\/serving\/history\/ uses the engine/,
    );
    passes(checkLayers, { ...files, [`${SRC}/serving/history/h.ts`]: `import { e } from "../../engine/e.ts";` });
  });

  test("the engine and the protocol import neither Node nor packages, but for the schemas of the protocol", () => {
    fails(checkLayers, { [`${SRC}/engine/e.ts`]: `import "node:fs";` }, /neither Node nor packages/);
    fails(checkLayers, { [`${SRC}/engine/e.ts`]: `const x = await import("ws");` }, /neither Node nor packages/);
    fails(checkLayers, { "protocol/src/m.ts": `import "fastify";` }, /neither Node nor packages/);
    passes(checkLayers, { "protocol/src/m.ts": `import "typebox";` });
  });

  test("a package has a home, a file exists, a folder is a layer", () => {
    fails(checkLayers, { [`${SRC}/pipeline/a.ts`]: `import "fastify";` }, /belongs to serving/);
    fails(checkLayers, { [`${SRC}/pipeline/a.ts`]: `import "./b.js";` }, /no file/);
    fails(checkLayers, { [`${SRC}/utils/a.ts`]: `import "node:fs";` }, /no layer/);
    fails(checkLayers, { [`${SRC}/cli/a.ts`]: `import "../../test/b.ts";`, "server/test/b.ts": "" }, /no source/);
  });

  test("a room imports only from the rooms that its table names", () => {
    const files = {
      [`${SRC}/engine/memory/heap.ts`]: "",
      [`${SRC}/engine/swaps/records.ts`]: `import "../memory/heap.ts"; import "../chains.ts";`,
      [`${SRC}/engine/chains.ts`]: `import type { R } from "./swaps/records.ts";`,
      [`${SRC}/engine/partition-engine.ts`]: `import "./chains.ts"; import "./swaps/records.ts";`,
      [`${SRC}/stores/redis-hot-store.ts`]: "",
      [`${SRC}/stores/open-hot-store.ts`]: `import "./redis-hot-store.ts";`,
    };
    passes(checkLayers, files);
    const heap = (text: string) => ({ ...files, [`${SRC}/engine/memory/heap.ts`]: text });
    fails(checkLayers, heap(`import "../swaps/records.ts";`), /engine\/memory may not import from engine\/swaps/);
    fails(checkLayers, heap(`import type { C } from "../chains.ts";`), /engine\/memory may not import from engine\/\./);
    const chains = { ...files, [`${SRC}/engine/chains.ts`]: `import "./swaps/records.ts";` };
    fails(checkLayers, chains, /types alone from engine\/swaps/);
    const store = { ...files, [`${SRC}/stores/s3-checkpoint-store.ts`]: `import "./redis-hot-store.ts";` };
    fails(checkLayers, store, /stores\/s3-checkpoint-store may not import from stores\/redis-hot-store/);
  });

  test("a room that a table does not name is one of its others: known to the list alone, and to no other room", () => {
    const files = {
      [`${SRC}/sources/pulsar/readers.ts`]: "",
      [`${SRC}/sources/group-ownership.ts`]: "",
      [`${SRC}/sources/open-source.ts`]: `import "./pulsar/readers.ts";`,
      [`${SRC}/sources/kafka/a.ts`]: `import "../group-ownership.ts";`,
    };
    passes(checkLayers, files);
    const kafka = { ...files, [`${SRC}/sources/kafka/a.ts`]: `import "../pulsar/readers.ts";` };
    fails(checkLayers, kafka, /sources\/kafka may not import from sources\/pulsar/);
    const feeder = { ...files, [`${SRC}/sources/feeders/a.ts`]: `import "../pulsar/readers.ts";` };
    fails(checkLayers, feeder, /sources\/feeders may not import from sources\/pulsar/);
  });

  test("other layers enter sources by its lists; only the tools for a data folder know the embedded log", () => {
    const files = { [`${SRC}/sources/open-source.ts`]: "", [`${SRC}/sources/embedded/log.ts`]: "" };
    passes(checkLayers, { ...files, [`${SRC}/app.ts`]: `import "./sources/open-source.ts";` });
    passes(checkLayers, { ...files, [`${SRC}/cli/replay/a.ts`]: `import "../../sources/embedded/log.ts";` });
    fails(checkLayers, { ...files, [`${SRC}/app.ts`]: `import "./sources/embedded/log.ts";` }, /enter sources by/);
    const inspect = { ...files, [`${SRC}/cli/inspect.ts`]: `import type { L } from "../sources/embedded/log.ts";` };
    fails(checkLayers, inspect, /enter sources by/);
  });

  test("doors never know each other, and their common parts know no door", () => {
    const files = { [`${SRC}/serving/http/a.ts`]: "", [`${SRC}/serving/live/b.ts`]: "" };
    passes(checkLayers, { ...files, [`${SRC}/serving/http/a.ts`]: `import "../live/b.ts";` });
    fails(checkLayers, { ...files, [`${SRC}/serving/sse/c.ts`]: `import "../http/a.ts";` }, /sse may not import from/);
    fails(checkLayers, { ...files, [`${SRC}/serving/telnet/c.ts`]: `import "../http/a.ts";` }, /"telnet" is no room/);
    fails(checkLayers, { ...files, [`${SRC}/serving/gate.ts`]: `import "./http/a.ts";` }, /serving\/\. may not import/);
  });

  test("each circle of files is found once, including circles of types", () => {
    const files = {
      [`${SRC}/codecs/a.ts`]: `import "./b.ts";`,
      [`${SRC}/codecs/b.ts`]: `import "./c.ts";`,
      [`${SRC}/codecs/c.ts`]: `import type { A } from "./a.ts";`,
      [`${SRC}/codecs/d.ts`]: `import "./a.ts"; new Worker(new URL("./d.ts", import.meta.url));`,
    };
    fails(checkCycles, files, /a\.ts > .*b\.ts > .*c\.ts > .*a\.ts/);
    passes(checkCycles, { ...files, [`${SRC}/codecs/c.ts`]: "" });
  });
});

describe("purity", () => {
  const engine = (text: string): Record<string, string> => ({ [`${SRC}/engine/e.ts`]: text });

  test("clocks, timers, randomness, logging and the process are found", () => {
    for (const name of [
      "Date.now()",
      "performance.now()",
      "setTimeout(f)",
      "console.log(1)",
      "process.pid",
      "[...crypto]",
    ]) {
      fails(checkPurity, engine(`f(${name});`), /a pure file uses/);
    }
    fails(checkPurity, engine("const x = Math.random();"), /\.random/);
    fails(checkPurity, engine(`const x = Math["random"]();`), /\.random/);
    fails(checkPurity, engine("a.localeCompare(b)"), /localeCompare/);
    fails(checkPurity, engine("const t = { performance };"), /performance/);
    fails(checkPurity, engine("const t = { [process]: 1 };"), /process/);
  });

  test("names of members and keys are allowed, as are comments and strings", () => {
    passes(checkPurity, engine(`// Date\nconst s = "console"; o.process(); const t = { Date: 1, performance: 2 };`));
  });

  test("it holds for everything that the engine imports", () => {
    const files = {
      [`${SRC}/engine/e.ts`]: `import { c } from "../shared/clock.ts"; import type { L } from "../shared/l.ts";`,
      [`${SRC}/shared/clock.ts`]: "export const now = () => Date.now();",
      [`${SRC}/shared/l.ts`]: "console.log(1);",
    };
    fails(checkPurity, files, /clock\.ts:1: a pure file uses Date/);
  });
});

describe("memory of the engine", () => {
  const engine = (text: string): Record<string, string> => ({ [`${SRC}/engine/e.ts`]: text });

  test("an index names the field that it reads", () => {
    for (const index of [
      "2 * row + LATE",
      "row + 1",
      "0",
      "(bits >>> 5) + 2 * i",
      "hash & 63",
      "u32[2 * row + LATE]",
    ]) {
      passes(checkMemoryLayout, engine(`x = heap.u32[${index}];`));
    }
    fails(checkMemoryLayout, engine("x = heap.u32[2 * row + 6];"), /e\.ts:1: .* 6/);
    fails(checkMemoryLayout, engine("heap.f64[3] += 1;"), /number 3/);
    fails(checkMemoryLayout, engine("x = u8[8 * (row + 9)];"), /number 9/);
    fails(checkMemoryLayout, engine("x = u8[list[at - 2]];"), /number 2/);
    passes(checkMemoryLayout, engine("const [a, b] = pairs; f(a, 7);"));
    passes(checkMemoryLayout, { [`${SRC}/engine/memory/bytes.ts`]: "x = bytes[at + 3];" });
  });
});

describe("places of tests", () => {
  const files = { [`${SRC}/bus/queue.ts`]: "", [`${SRC}/pipeline/hot/feed.ts`]: "" };
  const at = (place: string, text: string) => ({ ...files, [`server/test/${place}`]: text });

  test("a test is in the folder of its source", () => {
    passes(checkTestPlaces, at("bus/queue.test.ts", `import "../../src/bus/queue.ts";`));
    passes(checkTestPlaces, at("bus/faults.test.ts", `import "../../src/bus/queue.ts";`));
    fails(checkTestPlaces, at("bus/feed.test.ts", `import "../../src/pipeline/hot/feed.ts";`), /test\/pipeline\/hot$/);
    fails(checkTestPlaces, at("pipeline/faults.test.ts", `import "../../src/bus/queue.ts";`), /nothing of .*pipeline/);
    fails(checkTestPlaces, at("queues/faults.test.ts", `import "../../src/bus/queue.ts";`), /nothing of .*queues/);
  });

  test("tests of the client and the dashboard mirror their sources", () => {
    const sources = {
      "sdk/src/http.ts": "",
      "dashboard/src/token/chart.tsx": "",
      "dashboard/test/support/page.ts": "",
    };
    const placed = (file: string, text: string) => ({ ...sources, [file]: text });
    passes(checkTestPlaces, placed("sdk/test/http.test.ts", `import "../src/http.ts";`));
    passes(checkTestPlaces, placed("dashboard/test/token/chart.test.ts", `import "../../src/token/chart.tsx";`));
    fails(checkTestPlaces, placed("sdk/test/x/http.test.ts", `import "../../src/http.ts";`), /stands in sdk\/test$/);
    fails(checkTestPlaces, placed("sdk/test/x/a.test.ts", `import "../../src/http.ts";`), /nothing of sdk\/src\/x/);
    fails(checkTestPlaces, placed("sdk/test/x/helper.ts", ""), /stand in sdk\/test\/support/);
    const page = `import "../support/page.ts";`;
    passes(checkTestPlaces, placed("dashboard/test/token/phone.test.ts", page));
    fails(checkTestPlaces, placed("dashboard/test/other/phone.test.ts", page), /nothing of dashboard\/src\/other/);
  });

  test("suites over several parts have folders of their own", () => {
    passes(checkTestPlaces, at("program/faults.test.ts", `import "../../src/bus/queue.ts";`));
    fails(checkTestPlaces, at("program/queue.test.ts", `import "../../src/bus/queue.ts";`), /test\/bus$/);
    for (const folder of Object.keys(SUITES)) {
      assert.ok(
        [...readRepository().keys()].some((file) => file.startsWith(`${folder}/`)),
        folder,
      );
    }
  });

  test("a helper is beside the suite that uses it", () => {
    const used = { ...files, "server/test/support/a.ts": "", "server/test/bus/b.ts": `import "../support/a.ts";` };
    fails(checkTestPlaces, used, /bus\/b\.ts:1: nothing beside it/);
    const test = `import "./b.ts"; import "../../src/bus/queue.ts";`;
    passes(checkTestPlaces, { ...used, "server/test/bus/queue.test.ts": test });
  });
});

describe("texts", () => {
  test("length, foreign paths and hosts, unfinished work", () => {
    passes(checkTexts, { "a.ts": "x\n".repeat(FILE_LINES_MAX) });
    fails(checkTexts, { "a.ts": "x\n".repeat(FILE_LINES_MAX + 1) }, /401 lines/);
    fails(checkTexts, { "a.md": `see /${"work"}/main` }, /path of one machine/);
    fails(checkTexts, { "a.md": `see \`/${"root"}/x` }, /path of one machine/);
    fails(checkTexts, { "a.md": `from registry.${"npmjs"}.org` }, /registry/);
    fails(checkTexts, { "a.ts": `// ${"TO"}DO` }, /unfinished/);
  });

  test("links lead somewhere", () => {
    const files = { "README.md": "# One: two & three\n", "docs/b.md": "" };
    passes(checkTexts, { ...files, "docs/b.md": "[r](../README.md#one-two--three) [f](../docs) [w](https://x.org/y)" });
    fails(checkTexts, { ...files, "docs/b.md": "[c](c.md)" }, /no such file/);
    fails(checkTexts, { ...files, "docs/b.md": "[c](../README.md#four)" }, /no heading/);
  });
});

describe("packages", () => {
  const lock = (packages: object): Record<string, string> => ({ "package-lock.json": JSON.stringify({ packages }) });

  test("the lock file is complete and names no registry", () => {
    passes(checkPackages, lock({ "": { dependencies: { a: "1.0.0" } }, "node_modules/a": {} }));
    fails(checkPackages, lock({ "node_modules/a": { resolved: "https://host/a.tgz" } }), /"resolved"/);
    fails(checkPackages, lock({ "node_modules/a": { optionalDependencies: { b: "1" } } }), /b, needed by/);
  });

  test("exact versions, and for each dependency a reason and a file that uses it", () => {
    const manifest = (version: string) => ({ "package.json": JSON.stringify({ dependencies: { a: version } }) });
    const rest = { ...lock({}), "ARCHITECTURE.md": "`a` is small", "x.ts": `import "a/b";` };
    passes(checkPackages, { ...rest, ...manifest("1.2.3") });
    fails(checkPackages, { ...rest, ...manifest("^1.2.3") }, /exact version/);
    fails(checkPackages, { ...rest, ...manifest("1.2.3"), "ARCHITECTURE.md": "" }, /why a is used/);
    fails(checkPackages, { ...rest, ...manifest("1.2.3"), "x.ts": `import "ab";` }, /no file uses a/);
  });
});

test("the checks read the repository: its engine is among the pure files", () => {
  assert.ok(pureFiles(readRepository()).has(`${SRC}/engine/types.ts`));
});
