/**
 * Measures one part in a separate process, started by `fork` with the part's name: the whole, and a copy without the part. Sends the times
 * of the rounds.
 */
import { measureInTurn } from "../support/in-turn.ts";
import { LEFT_OUT } from "./left-out.ts";
import { loadSide } from "./variant.ts";

const name = process.argv[2] ?? "";
const leftOut = LEFT_OUT.find((one) => one.name === name);
if (leftOut === undefined) throw new Error(`no part is named ${name}`);
const times = measureInTurn(await loadSide(undefined), await loadSide(leftOut));
process.send?.(times, () => process.disconnect());
