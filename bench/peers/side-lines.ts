/** The lines of a side in Node: `half` and `done`, and the answer to a query, as the peers give them. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Answer, Query } from "./figures.ts";

/** Returns a function that counts records, and says when half of them are done. */
export function halfTeller(records: number): (more: number) => void {
  let done = 0;
  return (more) => {
    if (done < records / 2 && done + more >= records / 2) console.log("half");
    done += more;
  };
}

/** Says that all records are done, answers one query, and ends the process. */
export async function answerQuery(answer: (query: Query) => Answer): Promise<void> {
  console.log("done");
  const [line] = (await once(createInterface(process.stdin), "line")) as [string];
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line) as Query))}\n`, () => process.exit());
}
