/** One breakage of the engine: a text that stands exactly once in a file, and what stands there instead. */
export type Mutant = {
  /** File below server/src/engine. */
  readonly file: string;
  readonly search: string;
  readonly replacement: string;
  /** What the breakage means. */
  readonly what: string;
  /** The suite that is tried before the others, where it is known which one should see it. */
  readonly first?: string;
  /** For a breakage that no property can see: why. It must survive, and docs/mutation-testing.md explains it. */
  readonly survives?: string;
};
