/** A real service with the built-in generator, for pages to show. */
import { after, type TestContext } from "node:test";
import { type RunningApp, TestApps } from "../../../server/test/support/app-harness.ts";

type Cleanup = { after(run: () => Promise<void>): void };

/** Enough swaps that every window has figures within a second, and few enough for a test. */
const GENERATOR = {
  "ingest.source": "generator",
  "ingest.generator.rate": "500",
  "ingest.generator.tokens": "60",
};

/**
 * Starts a service with synthetic swaps, or with the swaps that the test posts if `overrides` has another source. It ends with the test. Resolves when
 * the page can be opened at `base`.
 */
export function startService(t: Cleanup, overrides: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
  return new TestApps(t as TestContext).start({ ...GENERATOR, ...overrides });
}

/** Returns a function that starts one service for all tests of the file, at its first call. To be called outside of tests. */
export function sharedService(overrides: Readonly<Record<string, string>> = {}): () => Promise<RunningApp> {
  const ends: (() => Promise<void>)[] = [];
  let starting: Promise<RunningApp> | undefined;
  after(async () => {
    for (const end of ends) await end();
  });
  return () => {
    starting ??= startService({ after: (run) => void ends.push(run) }, overrides);
    return starting;
  };
}
