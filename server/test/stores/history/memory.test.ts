import { describe } from "node:test";
import { MemoryHistory } from "../../support/memory-history.ts";
import { historyContract } from "./contract.ts";

// The model must pass what it judges.
describe("in memory", () => {
  const spaces = new Map<string, MemoryHistory>();
  const storeOf = (space: string): MemoryHistory => {
    const store = spaces.get(space) ?? new MemoryHistory();
    spaces.set(space, store);
    return store;
  };
  historyContract(() => ({
    open: async (space) => storeOf(space),
    rawRows: async (space) => storeOf(space).rawRows(),
  }));
});
