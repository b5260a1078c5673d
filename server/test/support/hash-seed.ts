import type { HashSeed } from "../../src/engine/memory/keyed-hash.ts";

/** The secret of engines of tests: equal logs and equal secrets give equal bytes of state. */
export const TEST_SEED: HashSeed = [0x2545f491, 0x9e3779b9];
