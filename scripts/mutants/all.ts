import { bucketMutants } from "./buckets.ts";
import { checkMutants } from "./checks.ts";
import { historyMutants } from "./history.ts";
import { identityMutants } from "./identity.ts";
import { imageMutants } from "./image.ts";
import type { Mutant } from "./mutant.ts";
import { packedMutants } from "./packed.ts";
import { readMutants } from "./reads.ts";
import { secondMutants } from "./second.ts";
import { settledMutants } from "./settled.ts";
import { traderMutants } from "./traders.ts";

export const ALL_MUTANTS: readonly Mutant[] = [
  ...checkMutants,
  ...identityMutants,
  ...bucketMutants,
  ...packedMutants,
  ...readMutants,
  ...traderMutants,
  ...secondMutants,
  ...imageMutants,
  ...settledMutants,
  ...historyMutants,
];

/** Whether the text of a breakage is not, or not once, in its file: then the list is older than the source. */
export function isStale({ search }: Mutant, source: string): boolean {
  return source.split(search).length !== 2;
}
