/** The secret with which a partition's engine hashes foreign text; made once, when its state begins, and kept in its image. */
import { getRandomValues } from "node:crypto";
import type { HashSeed } from "../engine/memory/keyed-hash.ts";

export function newHashSeed(): HashSeed {
  const [a = 0, b = 0] = getRandomValues(new Uint32Array(2));
  return [a, b];
}
