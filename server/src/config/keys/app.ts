/** Keys of the computation: windows, limits of time and memory, threads. */
import { hostname } from "node:os";
import { ByChain, key, type Section } from "../key.ts";
import { choice, DAY_MS, duration, HOUR_MS, integer, text, USD } from "./kinds.ts";

/** `0x` and the digits of so many bytes are still a string of 128 bytes, which is as long as a name in an event may be. */
const ADDRESS_BYTES_MAX = 63;

export const WINDOWS = {
  list: key(
    "windows.list",
    { type: "windows" },
    "1m,5m,15m,30m,1h,6h,24h",
    "The windows: at most 16, each from 10s to 30d and a multiple of its step. Short form: `WINDOWS`.",
  ),
  bucketStepMs: key(
    "windows.bucket_step",
    duration(1_000, 30 * DAY_MS),
    "",
    "One step for all windows, in whole seconds. Not set: each window has the step of the rule below. Short form: `BUCKET_STEP`.",
  ),
  clock: key(
    "windows.clock",
    choice(["live", "event"]),
    "live",
    "What as-of follows: the wall clock, or the highest event time (for replays and back-tests).",
  ),
} satisfies Section;

export const APP = {
  graceMs: key(
    "app.grace",
    duration(0, DAY_MS),
    "120s",
    "How far a swap may lie behind the highest event time of its chain before it is late.",
  ),
  maxSkewMs: key(
    "app.max_skew",
    duration(0, DAY_MS),
    "60s",
    "How far an event time may lie ahead of the arrival before the swap is quarantined.",
  ),
  reorgHorizonMs: key(
    "app.reorg_horizon",
    duration(0, DAY_MS),
    "15m",
    "How long removals, re-inclusions and copies of a swap are recognised.",
  ),
  bootstrap: key(
    "app.bootstrap",
    choice(["log", "history"]),
    "log",
    "What a partition without a checkpoint is built from when its log no longer has its first record: what is left of the log, or the history (`stores.history`) and the log behind it.",
  ),
  priceMinUsdMicro: key(
    "app.price_min_usd",
    USD,
    "0",
    "Amount in dollars below which a swap sets no price, whether a price is given or not, so that dust makes no high or low. The swap counts in everything else.",
  ),
  chains: new ByChain({
    graceMs: key(
      "app.chains.<id>.grace",
      duration(0, DAY_MS),
      "",
      "`app.grace` of one chain. Not set: the value for all chains.",
    ),
    reorgHorizonMs: key(
      "app.chains.<id>.reorg_horizon",
      duration(0, DAY_MS),
      "",
      "`app.reorg_horizon` of one chain. Not set: the value for all chains.",
    ),
    maxSkewMs: key(
      "app.chains.<id>.max_skew",
      duration(0, DAY_MS),
      "",
      "`app.max_skew` of one chain. Not set: the value for all chains.",
    ),
    priceMinUsdMicro: key(
      "app.chains.<id>.price_min_usd",
      USD,
      "",
      "`app.price_min_usd` of one chain. Not set: the value for all chains.",
    ),
    addressBytes: key(
      "app.chains.<id>.address_bytes",
      integer(1, ADDRESS_BYTES_MAX),
      "",
      "Length in bytes of an address of one chain, for example 32 on Sui and Aptos. Hex in tokens (up to the first `::`), pools and traders is then filled with zeros to that length, and `0x2::sui::SUI` and its long form are one token. Longer hex stays as it is. Not set: hex is not filled.",
    ),
  }),
  snapshotIntervalMs: key("app.snapshot_interval", duration(100, HOUR_MS), "5s", "Time between checkpoints."),
  instanceId: key(
    "app.instance_id",
    text(128, /^[A-Za-z0-9._:-]+$/, "letters, digits and . _ : -"),
    "",
    "Name of this instance in status, logs and checkpoints. Not set: the host name.",
    hostId,
  ),
  workers: key(
    "app.workers",
    integer(1, 64),
    "1",
    "Threads that own partitions. Threads beyond the number of partitions are idle.",
  ),
  readyLagMs: key("app.ready_lag", duration(100, DAY_MS), "10s", "Lag above which `/readyz` answers not ready."),
  maxTokens: key(
    "app.max_tokens",
    integer(1, 50_000_000),
    "2000000",
    "Largest number of tokens that a partition keeps. A swap of a further token is a dead letter.",
  ),
  exactTraders: key(
    "app.exact_traders",
    integer(1, 1_000_000),
    "4096",
    "Number of wallets of a token in the longest window up to which unique traders are exact. Above it they are estimated, and the response says so.",
  ),
} satisfies Section;

function hostId(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._:-]/g, "-")
      .slice(0, 128) || "swapstats"
  );
}
