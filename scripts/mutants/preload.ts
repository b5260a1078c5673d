/** Loaded before each suite of a mutation run: the first test that fails ends it, with its first counterexample. */
import { afterEach } from "node:test";
import fc from "fast-check";

fc.configureGlobal({ endOnFailure: true });
afterEach((context) => {
  // The context has `passed`, known here already; its published type lacks it.
  if (!(context as unknown as { readonly passed: boolean }).passed) process.exit(1);
});
