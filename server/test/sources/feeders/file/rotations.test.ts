/** Random sequences of writing, rotating, reading and restarting: every line comes once and in order. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Random, randomFrom, seedOf } from "../../../support/seed.ts";
import { tempDir } from "../../../support/tmp.ts";
import { FileReading } from "./file-reading.ts";

const STEPS = 400;
const BEGIN_SECONDS = 1_700_000_000;

/** `seconds`: the time of the rotated file. Time stamps of the file system may be the same for some milliseconds. */
type Rotation = (path: string, rotated: string, seconds: number) => void;

const rename: Rotation = (path, rotated, seconds) => {
  renameSync(path, rotated);
  utimesSync(rotated, seconds, seconds);
  writeFileSync(path, "");
};
const renameAndCompress: Rotation = (path, rotated, seconds) => {
  rename(path, rotated, seconds);
  // As gzip does, with the time of the file.
  writeFileSync(`${rotated}.gz`, gzipSync(readFileSync(rotated)));
  utimesSync(`${rotated}.gz`, seconds, seconds);
  rmSync(rotated);
};
const copyAndTruncate: Rotation = (path, rotated, seconds) => {
  copyFileSync(path, rotated);
  utimesSync(rotated, seconds, seconds);
  truncateSync(path);
};

async function run(folder: string, random: Random, rotate: Rotation): Promise<void> {
  const path = join(folder, "trades.ndjson");
  const wanted = ["first"];
  writeFileSync(path, "first\n");
  const one = new FileReading({ path });
  // Files that were rotated before the first reading are of no interest.
  const seen = await one.texts(1);
  let rest = "";
  let rotations = 0;
  const flush = (length: number): void => {
    appendFileSync(path, rest.slice(0, length));
    rest = rest.slice(length);
  };
  for (let step = 0; step < STEPS; step++) {
    const what = random.next();
    if (what < 0.5) {
      for (let i = random.below(30); i >= 0; i--) {
        const line = `{"n":${wanted.length},"x":"${"y".repeat(random.below(80))}"}`;
        wanted.push(line);
        rest += `${line}\n`;
      }
      flush(random.below(rest.length + 1));
    } else if (what < 0.6) {
      flush(rest.length);
      rotations++;
      rotate(path, `${path}.${rotations}`, BEGIN_SECONDS + rotations);
    } else if (what < 0.9) {
      // A reading that ends at the end takes half a line after a while.
      flush(rest.length);
      seen.push(...(await one.texts(1)));
    } else await one.restart();
  }
  flush(rest.length);
  seen.push(...(await one.texts()));
  await one.close();
  assert.deepEqual(seen, wanted);
  assert.deepEqual(one.problems, []);
}

for (const rotate of [rename, copyAndTruncate, renameAndCompress]) {
  test(`with ${rotate.name} at random moments every line comes once and in order`, async (t) => {
    const random = randomFrom(seedOf(t));
    await run(tempDir(t, "rotations"), random, rotate);
  });
}
