/** Loaded before each suite of a mutation run: the first counterexample is enough, it need not be made smaller. */
import fc from "fast-check";

fc.configureGlobal({ endOnFailure: true });
