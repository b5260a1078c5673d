import type { HashSeed } from "../../src/engine/memory/keyed-hash.ts";

/** The hash secret of engines in tests. Equal logs and equal secrets give equal bytes of state. */
export const TEST_SEED: HashSeed = [0x2545f491, 0x9e3779b9];
