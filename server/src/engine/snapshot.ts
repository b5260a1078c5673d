/** Snapshots: the header and its check against a configuration, and the slices of the image. */
import { SwapstatsError } from "../shared/errors.ts";
import type { ChainState } from "./chains.ts";
import { stringToUtf8, utf8ToString } from "./memory/bytes.ts";
import { type Heap, PAGE_BYTES } from "./memory/heap.ts";
import type { HashSeed } from "./memory/keyed-hash.ts";
import type { StreamName } from "./settled-watch.ts";
import type { Counters, EngineConfig } from "./types.ts";

/** Version of the memory image's layout (memory/layout.ts). An image of another version is rebuilt from the log. */
export const IMAGE_FORMAT = 5;

export type SnapshotHeader = {
  readonly format: number;
  /** Text of all configuration on which the bytes of the image depend. */
  readonly fingerprint: string;
  /** The secret with which the texts of the image are hashed. */
  readonly seed: HashSeed;
  readonly imageBytes: number;
  readonly counters: Counters;
  readonly seenSinceMs: number | null;
  readonly chains: readonly ChainState[];
  /** Refs of the indexes' directories: strings, tokens, symbols, inclusions. */
  readonly roots: readonly [number, number, number, number];
  /** Counts that are kept outside the image: known tokens, active tokens, records and their bytes, ... */
  readonly tallies: Readonly<Record<string, number>>;
  /** Missing where no history filled the state: 0. */
  readonly countsFromMs?: number;
  /** Missing in images that older versions wrote: 0. */
  readonly settledCount?: number;
  /** Missing until the state has a stream. */
  readonly stream?: StreamName;
};

export type EngineSnapshot = {
  readonly header: Uint8Array;
  readonly totalBytes: number;
  /** The next slice of the image, of about maxBytes (at least a page); undefined at the end. */
  next(maxBytes: number): Uint8Array | undefined;
  abort(): void;
};

/** Freezes the image as it is now. Its slices are copied while the heap changes. Throws while another snapshot is in progress. */
export function beginImage(heap: Heap, header: Uint8Array): EngineSnapshot {
  const totalBytes = heap.beginSnapshot();
  let done = 0;
  return {
    header,
    totalBytes,
    next: (maxBytes: number): Uint8Array | undefined => {
      if (done >= totalBytes) return undefined;
      const slice = new Uint8Array(Math.max(1, Math.floor(maxBytes / PAGE_BYTES)) * PAGE_BYTES);
      const bytes = Math.min(heap.emitPages(slice) * PAGE_BYTES, totalBytes - done);
      done += bytes;
      if (done >= totalBytes) heap.endSnapshot();
      return slice.subarray(0, bytes);
    },
    abort: (): void => {
      if (done < totalBytes) heap.endSnapshot();
      done = totalBytes;
    },
  };
}

/** Returns the text of all configuration that affects the state. With equal texts, equal logs give equal states. */
export function fingerprintOf(config: EngineConfig): string {
  const windows = config.windows.map((w) => `${w.lengthMs}/${w.stepMs}`).join(",");
  const chains = [...config.chains]
    .sort(([a], [b]) => a - b)
    .map(([id, own]) => {
      const of = { ...config, ...own };
      return `${id}:${of.graceMs}/${of.reorgHorizonMs}/${of.maxSkewMs}/${of.priceMinUsdMicro}`;
    })
    .join(",");
  const addresses = [...config.chains]
    .sort(([a], [b]) => a - b)
    .flatMap(([id, { addressBytes }]) => (addressBytes === undefined ? [] : [`${id}:${addressBytes}`]))
    .join(",");
  return [
    `windows=${windows}`,
    `grace=${config.graceMs}`,
    `horizon=${config.reorgHorizonMs}`,
    `skew=${config.maxSkewMs}`,
    `price_min=${config.priceMinUsdMicro}`,
    `chains=${chains}`,
    `exact_traders=${config.exactTraders}`,
    `address_bytes=${addresses}`,
  ].join(";");
}

export function encodeHeader(header: SnapshotHeader): Uint8Array {
  return stringToUtf8(JSON.stringify(header));
}

/** Throws `checkpoint_damaged` for text that is no header, `checkpoint_incompatible` for another format or configuration. */
export function decodeHeader(bytes: Uint8Array, config: EngineConfig): SnapshotHeader {
  let header: SnapshotHeader;
  try {
    header = JSON.parse(utf8ToString(bytes, 0, bytes.length)) as SnapshotHeader;
    if (typeof header?.format !== "number") throw new TypeError("not an object with a format");
  } catch (cause) {
    throw new SwapstatsError(
      "checkpoint_damaged",
      "the snapshot's header cannot be read; an older checkpoint is needed",
      {
        cause,
      },
    );
  }
  if (header.format !== IMAGE_FORMAT) {
    throw new SwapstatsError(
      "checkpoint_incompatible",
      `the checkpoint has format ${header.format}, this version writes ${IMAGE_FORMAT}; the state is rebuilt from the log`,
    );
  }
  const fingerprint = fingerprintOf(config);
  if (header.fingerprint !== fingerprint) {
    throw new SwapstatsError(
      "checkpoint_incompatible",
      `the checkpoint was made with other settings (${header.fingerprint}) than now (${fingerprint}); the state is rebuilt from the log`,
    );
  }
  return header;
}
