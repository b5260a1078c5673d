/** Messages between the log thread, the main thread and the owners of partitions. */
import type { MessagePort } from "node:worker_threads";
import type { IngestResult } from "../../ports/intake.ts";
import type { OffsetRange } from "../../ports/source.ts";
import type { ChainAddresses } from "../../shared/token-id.ts";
import type { VersionBoardHandle } from "../../shared/version-board.ts";
import type { WireError } from "../../shared/wire-error.ts";
import type { BodyMappings } from "../mappings.ts";
import type { ArrivalTiming } from "./arrival-judge.ts";

/** The log thread's `workerData`. */
export type LogThreadOptions = {
  /** Folder of the log; it exists, and the lock of the data folder is held. */
  readonly folder: string;
  readonly partitions: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  /** Events per body. */
  readonly bodyEventsMax: number;
  /** How the addresses of chains are written, for the partition of a token; undefined: hex as it comes. */
  readonly chains?: ChainAddresses;
  /** Mappings of bodies. Undefined: there are none. */
  readonly mappings?: BodyMappings;
  /** The rules for reporting late swaps to senders. Undefined: they are not reported. */
  readonly timing?: ArrivalTiming;
  /**
   * Bodies wait until the owner of each partition has opened it. Before that, a log that lost its end would assign
   * offsets that the state has seen already, and records at these would never be read.
   */
  readonly waitsForOwners: boolean;
};

export type LogRequest =
  /** `mapping`: the name of the mapping of the body's records. Undefined: the body holds canonical events. */
  | { readonly kind: "ingest"; readonly id: number; readonly body: Uint8Array; readonly mapping: string | undefined }
  /** The owner of the partition uses this port: `LogOwnerRequest` in, `LogNotice` out. */
  | {
      readonly kind: "connect";
      readonly partition: number;
      readonly port: MessagePort;
      /** The board on which the log thread notes what the log holds. */
      readonly board: VersionBoardHandle;
    }
  /** Commit what waits, then end; the response is `closed`. */
  | { readonly kind: "close" };

export type LogReply =
  | { readonly id: number; readonly result: IngestResult }
  | { readonly id: number; readonly error: WireError };

export type LogResponse =
  | {
      readonly kind: "ready";
      readonly createdMs: number;
      readonly problems: readonly string[];
      readonly ranges: readonly OffsetRange[];
    }
  | { readonly kind: "failed"; readonly error: WireError }
  | { readonly kind: "replies"; readonly replies: readonly LogReply[] }
  | { readonly kind: "closed" };

/** To the owner of a partition: readers.ts passes it to `EmbeddedLogReader.notify`, which ends the wait of `read`. */
export type LogNotice = {
  readonly endOffset: number;
  readonly pressure: boolean;
  /** Why swaps cannot be made durable now; undefined while they can. */
  readonly problem: string | undefined;
};

/** From the owner of a partition. */
export type LogOwnerRequest =
  | { readonly kind: "release"; readonly offset: number }
  /** Continue at this offset at least, note the former log, and accept records. */
  | { readonly kind: "open"; readonly offset: number; readonly formerLogId: string | undefined };
