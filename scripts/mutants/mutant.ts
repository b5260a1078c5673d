/** One breakage of the engine, or of the history around it: a text that occurs exactly once in a file, and its replacement. */
export type Mutant = {
  /** File below server/src/engine. */
  readonly file: string;
  readonly search: string;
  readonly replacement: string;
  /** What the breakage means. */
  readonly what: string;
  /** Suite that runs before the others, if it is known which one should fail. */
  readonly first?: string;
  /** The suites that run, if they are not those of the engine. Paths from server/test/engine. */
  readonly suites?: readonly string[];
  /** The reason why no property can see the breakage. It must then survive, and docs/mutation-testing.md explains it. */
  readonly survives?: string;
};
