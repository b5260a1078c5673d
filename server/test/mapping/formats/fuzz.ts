/** Damages valid records at random. */
import { type Random, randomFrom } from "../../support/seed.ts";

/** Calls `run` with damaged copies of the sample, and with random bytes. `run` throws on what must not happen. */
export function fuzz(sample: Uint8Array, seed: number, times: number, run: (bytes: Uint8Array) => void): void {
  const random = randomFrom(seed);
  for (let i = 0; i < times; i++) run(random.chance(0.1) ? noise(random) : damaged(sample, random));
}

function noise(random: Random): Uint8Array {
  return Uint8Array.from({ length: random.below(200) }, () => random.below(256));
}

function damaged(sample: Uint8Array, random: Random): Uint8Array {
  const bytes = [...sample];
  for (let changes = 1 + random.below(4); changes > 0; changes--) {
    const at = random.below(bytes.length + 1);
    const kind = random.below(5);
    if (kind === 0) bytes.splice(at);
    else if (kind === 1) bytes.splice(at, 1 + random.below(4));
    else if (kind === 2) bytes.splice(at, 0, ...noise(random).subarray(0, 8));
    else if (kind === 3) bytes.splice(at, 0, ...Array.from({ length: 9 }, () => 0xff), 0x01);
    else bytes[at] = random.below(256);
  }
  return Uint8Array.from(bytes);
}
