/** The secret with which a partition's engine hashes foreign text. It is generated once, when the state begins, and kept in the image. */
import { getRandomValues } from "node:crypto";
import type { HashSeed } from "../engine/memory/keyed-hash.ts";

export function newHashSeed(): HashSeed {
  const [a = 0, b = 0] = getRandomValues(new Uint32Array(2));
  return [a, b];
}
