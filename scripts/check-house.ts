/** `npm run layers` checks the house rules that types and lint cannot see. Exits with 1 and a list when one is broken. */
import { checkCycles } from "./house/cycles.ts";
import { checkDeadCode } from "./house/dead-code.ts";
import { checkLayers } from "./house/layers.ts";
import { checkMemoryLayout } from "./house/memory-layout.ts";
import { checkPackages } from "./house/packages.ts";
import { checkPurity } from "./house/purity.ts";
import { readRepository } from "./house/repository.ts";
import { checkTestPlaces } from "./house/test-places.ts";
import { checkTexts } from "./house/texts.ts";

const CHECKS = [
  checkLayers,
  checkCycles,
  checkPurity,
  checkMemoryLayout,
  checkTestPlaces,
  checkTexts,
  checkPackages,
  checkDeadCode,
];

const files = readRepository();
const problems = CHECKS.flatMap((check) => check(files));
for (const { file, line, message } of problems) console.error(`${file}:${line}: ${message}`);
console.error(
  problems.length === 0 ? `House rules hold in ${files.size} files.` : `${problems.length} house rules broken.`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
