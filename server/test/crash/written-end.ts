/** The ordered end of a service with a history. */
import assert from "node:assert/strict";

/** What the service warns of when the time of a stop was too short for the history. */
const UNWRITTEN = "history was not written to its end";
const STOPS_MAX = 20;

/**
 * Ends the service in order, again and again until its history is written to the end: on a busy machine the history, which has a low priority, needs
 * more than the time that one stop gives it. `end` returns the output of a life that ended in order; `isFirst` is false where it has to start one.
 */
export async function endWritten(end: (isFirst: boolean) => Promise<string>): Promise<void> {
  let log = await end(true);
  for (let stops = 1; log.includes(UNWRITTEN); stops++) {
    assert.ok(stops < STOPS_MAX, log);
    log = await end(false);
  }
}
