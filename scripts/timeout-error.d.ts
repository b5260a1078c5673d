/** A wait ended without what was waited for. Playwright's errors of this kind have the same name, by which `npm test` knows them. */
export declare class TimeoutError extends Error {
  readonly name = "TimeoutError";
}
