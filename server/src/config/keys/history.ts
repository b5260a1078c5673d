/** Keys of the history: what is written, how much may wait, and how much may be asked. Its store is `stores.history`. */
import { key, ofPart, type Section } from "../key.ts";
import { choice, DAY_MS, duration, GIB, HOUR_MS, integer, MIB, SWITCH, size } from "./kinds.ts";

const AGE_MS_MAX = 36_500 * DAY_MS;

export const HISTORY = ofPart("history", {
  raw: key(
    "history.raw",
    SWITCH,
    "",
    "Whether each accepted event is kept, too, with its arrival and outcome. Not set: on for ClickHouse, off for other stores.",
  ),
  batchRows: key("history.batch_rows", integer(1, 1_000_000), "100000", "Largest number of rows of one write."),
  flushIntervalMs: key(
    "history.flush_interval",
    duration(10, HOUR_MS),
    "",
    "Longest time for which rows wait for more of them before they are written. Not set: 200ms, and 30s for the embedded store.",
  ),
  memoryBytes: key(
    "history.memory",
    size(MIB, 64 * GIB),
    "64MiB",
    "Memory for rows that wait for the store, for the whole process. Further rows wait in a file in the data folder.",
  ),
  bufferBytes: key(
    "history.buffer_bytes",
    size(16 * MIB, 1024 * GIB),
    "4GiB",
    "Largest size of that file, and of the records that checkpoints keep until the store has their rows. See `history.on_failure`.",
  ),
  onFailure: key(
    "history.on_failure",
    choice(["gap", "block"]),
    "gap",
    "What happens when the store is away and the buffer is full. `gap`: rows are left out, and the gap is told in status, metrics and answers. `block`: no more swaps are applied until there is room.",
  ),
  windowMaxMs: key(
    "history.window_max",
    duration(60_000, 3_660 * DAY_MS),
    "31d",
    "Longest window that may be asked for at a past instant.",
  ),
  retentionMs: key(
    "history.retention",
    duration(0, AGE_MS_MAX),
    "0s",
    "Age after which rows are deleted. 0: they are kept for ever.",
  ),
  coldAfterMs: key(
    "history.cold_after",
    duration(0, AGE_MS_MAX),
    "0s",
    "Age after which files of the embedded store are moved to S3. 0: never.",
  ),
  replaySessions: key(
    "history.replay_sessions",
    integer(0, 64),
    "0",
    "Largest number of replay sessions: WebSockets with `?at=`, each with a thread and a state of its own. 0: there are none.",
  ),
  replayRowsMax: key(
    "history.replay_rows_max",
    integer(1, 1_000_000_000),
    "5000000",
    "Largest number of swaps that fill the state of a replay session before its clock begins: those of the longest window.",
  ),
  replayMemoryBytes: key(
    "history.replay_memory",
    size(16 * MIB, 4 * GIB),
    "1GiB",
    "Largest state of a replay session. A larger one ends the session.",
  ),
  replaySessionTimeMaxMs: key(
    "history.replay_session_time_max",
    duration(1_000, 7 * DAY_MS),
    "1h",
    "Time after which a replay session ends.",
  ),
}) satisfies Section;
