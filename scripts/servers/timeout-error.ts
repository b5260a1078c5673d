/** A wait ended without what was waited for. Playwright's errors of this kind have the same name, by which `npm test` knows them. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}
