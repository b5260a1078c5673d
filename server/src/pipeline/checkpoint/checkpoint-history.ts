/**
 * What a checkpoint knows of the history (docs/history.md). Settled rows leave for the history store only when a manifest that covers them is
 * durable. A row that the store does not have yet is made again by a restore: it takes a base that lies at or before the durable position, and
 * applies the redo. So a new base begins only when the newest one is covered: of the two kept bases one always is.
 */
import type { BaseHistory, BaseImage, HistoryPosition, Manifest } from "./manifest.ts";

/** The history of one partition, as a restore uses it. */
export type RestoreHistory<E> = {
  /** The bases of the manifest in the order in which they are to be tried. */
  basesOf(manifest: Manifest): readonly BaseImage[];
  /** A state that is about to be brought up to date. `base` is undefined for an empty one. A call replaces the earlier ones. */
  begin(engine: E, base: BaseImage | undefined, carried: readonly Uint8Array[], manifest: Manifest): void;
  /** Offsets are missing here. The engine is told later. */
  noteGap(): void;
  /**
   * The state has all records that the checkpoint has. `logId` and `nextOffset`: where the stream continues; `isFromStart`: the state will have seen
   * all of that log. `problems` gets a sentence when raw events are missing.
   */
  end(
    engine: E,
    manifest: Manifest,
    at: { readonly logId: string | undefined; readonly nextOffset: number; readonly isFromStart: boolean },
    problems: string[],
  ): void;
  /** Whether the state began a stream that no stored base has. */
  readonly isNewStream: boolean;
};

/** The history of one partition, as its checkpointer uses it. */
export type CheckpointHistory = {
  /** Notes that a delta ends or an image begins at this offset, with the state as it is now. */
  noteCut(offset: number): void;
  /** Whether a further base may begin: the newest one is covered, or there is a reason not to wait. `redoBytes`: since the newest base. */
  mayBase(newest: BaseImage, redoBytes: number, isPressed: boolean): boolean;
  /** The same while the redo behind the newest base is lost: whether a further base may begin although the rows behind it cannot be made again. */
  mayReplace(newest: BaseImage): boolean;
  /** The place of an image that begins now, and the rows that it must carry because no kept base is covered. */
  beginBase(kept: readonly BaseImage[]): {
    readonly place: Omit<BaseHistory, "carried">;
    readonly carried: readonly Uint8Array[];
  };
  /** For a manifest that is about to be written. */
  position(): HistoryPosition;
  /** Notes that the manifest is durable. */
  written(manifest: Manifest): void;
};
