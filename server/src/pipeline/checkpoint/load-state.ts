/**
 * Reads a state from a checkpoint: the newest sound base, and the deltas behind it. Where the log no longer has records that they need, the state
 * ends before them, and the history begins a new stream: the store may have rows that this state will not make.
 */
import { IMAGE_FORMAT } from "../../engine/snapshot.ts";
import type { LogRange } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { BaseImage, Manifest, PartRef, RedoDelta } from "./manifest.ts";
import { deltasFrom, isIntact } from "./manifest.ts";
import { firstLost, LogReadBack } from "./read-back.ts";
import type { Loaded, RestorableEngine, RestoreOptions } from "./restore-options.ts";

/**
 * Returns undefined when no base is sound, or none fits the configuration and the log still holds all records. Adds a sentence to
 * `problems` for everything that is damaged. Rejects with `checkpoint_incompatible` when no base fits and the log lacks records, with
 * `storage_failed`, and with the signal's reason.
 */
export async function loadState<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  manifest: Manifest,
  range: LogRange,
  problems: string[],
): Promise<Loaded<E> | undefined> {
  const readBack = new LogReadBack(options.readLog);
  for (;;) {
    const said = problems.length;
    try {
      return await loadOnce(options, manifest, range, problems, readBack);
    } catch (error) {
      // What was lost while it was read is left out by the next attempt.
      if (!readBack.noteFailure(error)) throw error;
      problems.length = said;
    }
  }
}

async function loadOnce<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  manifest: Manifest,
  range: LogRange,
  problems: string[],
  readBack: LogReadBack,
): Promise<Loaded<E> | undefined> {
  let unreadable: SwapstatsError | undefined;
  let bases = manifest.bases;
  const lostOf = (base: BaseImage): RedoDelta | undefined =>
    firstLost(deltasFrom(manifest.deltas, base.offset).run, manifest, range, readBack.unreadableFrom);
  const ordered = options.history?.basesOf(manifest) ?? manifest.bases;
  const whole = ordered.filter((base) => lostOf(base) === undefined);
  // Without a whole one, the newest reaches furthest.
  for (const base of [...whole, ...manifest.bases.filter((one) => !whole.includes(one))]) {
    const engine = await loadBase(options, base, range, problems);
    if (engine === "incompatible") return undefined;
    if (engine instanceof SwapstatsError) unreadable = engine;
    if (engine === undefined || engine instanceof SwapstatsError) {
      bases = bases.filter((other) => other !== base);
      continue;
    }
    const lost = lostOf(base);
    if (lost === undefined) options.history?.begin(engine, base, await loadCarried(options, base, problems), manifest);
    else {
      const { history: _, ...withoutStream } = base;
      options.history?.begin(engine, withoutStream, [], manifest);
    }
    const deltasLeft = manifest.deltas.filter(({ from }) => lost === undefined || from < lost.from);
    const { nextOffset, bytes } = await replay(options, engine, deltasLeft, base.offset, readBack, problems);
    // A newer base that was left out for the history is still sound, and reaches further than damaged redo.
    const newer = bases.find((other) => other.offset > nextOffset);
    if (newer !== undefined) {
      bases = bases.filter((other) => other !== base);
      continue;
    }
    if (lost !== undefined) problems.push(describeLost(options.partition, lost));
    const deltas = manifest.deltas.filter((delta) => delta.to <= nextOffset);
    return { engine, bases, deltas, nextOffset, bytes: base.bytes + bytes, isCutShort: lost !== undefined };
  }
  // An image that cannot be read now may be sound: the state is not given up for a disk that fails, or for missing permissions.
  if (unreadable !== undefined) throw unreadable;
  return undefined;
}

async function loadBase<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  base: BaseImage,
  range: LogRange,
  problems: string[],
): Promise<E | "incompatible" | SwapstatsError | undefined> {
  const { partition } = options;
  const parts = await loadParts(options, base.parts);
  if (parts instanceof SwapstatsError) {
    problems.push(`The image of partition ${partition} at offset ${base.offset} cannot be read: ${parts.message}`);
    return parts;
  }
  if (typeof parts === "string") {
    problems.push(`The image of partition ${partition} at offset ${base.offset} is damaged: ${parts}.`);
    return undefined;
  }
  try {
    return options.restoreEngine(new TextEncoder().encode(base.header), consumed(parts));
  } catch (error) {
    if (error instanceof SwapstatsError && error.code === "checkpoint_incompatible") {
      const difference = describeDifference(base.header, options.fingerprint);
      if (range.startOffset > 0) throw refusal(error, difference, partition, range);
      problems.push(
        `The checkpoint of partition ${partition} ${difference}. The state is rebuilt from the log, which still holds all records.`,
      );
      return "incompatible";
    }
    const text = error instanceof Error ? error.message : String(error);
    problems.push(`The image of partition ${partition} at offset ${base.offset} cannot be read: ${text}`);
    return undefined;
  }
}

const OTHER_FORMAT = "has another format than this version's";

function refusal(cause: SwapstatsError, difference: string, partition: number, range: LogRange): SwapstatsError {
  const back = difference === OTHER_FORMAT ? "Start the version that wrote it" : "Set that back";
  const message =
    `The checkpoint of partition ${partition} ${difference}. ${back}; or empty the store of checkpoints (in the data ` +
    `folder: move the folder \`checkpoints\` out of it) and start again: the state is then rebuilt from offset ${range.startOffset} of the log, and windows are incomplete ` +
    "until the stream fills them.";
  return new SwapstatsError("checkpoint_incompatible", message, { cause });
}

/** Says which settings differ between an image's header and the configuration. */
function describeDifference(header: string, fingerprint: string): string {
  const { format, fingerprint: before } = JSON.parse(header) as { format?: unknown; fingerprint?: unknown };
  if (typeof format === "number" && format !== IMAGE_FORMAT) return OTHER_FORMAT;
  if (typeof before !== "string" || before === fingerprint) return OTHER_FORMAT;
  const now = fingerprint.split(";");
  const changed = before.split(";").flatMap((setting, i) => (setting === now[i] ? [] : [`${setting} (now ${now[i]})`]));
  return `was made with ${changed.join(", ")}`;
}

type PartSource = Pick<RestoreOptions<RestorableEngine>, "store" | "isStoreExclusive" | "partition" | "signal">;

/**
 * Returns a part, or why it cannot be read. A remote store that fails is away, and the caller waits for it. In the data folder, one
 * file alone may be unreadable while the others are fine.
 */
async function readPart(
  { store, isStoreExclusive, partition, signal }: PartSource,
  name: string,
): Promise<Uint8Array | SwapstatsError | undefined> {
  signal.throwIfAborted();
  try {
    return await store.getPart(partition, name);
  } catch (error) {
    if (isStoreExclusive && error instanceof SwapstatsError && error.code === "storage_failed") return error;
    throw error;
  }
}

/** Returns the checked parts in order, or the problem of one of them. */
async function loadParts(
  source: PartSource,
  refs: readonly PartRef[],
): Promise<Uint8Array[] | string | SwapstatsError> {
  const parts: Uint8Array[] = [];
  for (const ref of refs) {
    const bytes = await readPart(source, ref.name);
    if (bytes instanceof SwapstatsError) return bytes;
    if (!isIntact(ref, bytes)) return describeDamage(ref, bytes);
    parts.push(bytes);
  }
  return parts;
}

/** Returns the rows that an image carries, or none where they are damaged: they are then missing in the history. */
async function loadCarried(source: PartSource, base: BaseImage, problems: string[]): Promise<readonly Uint8Array[]> {
  const parts = await loadParts(source, base.history?.carried ?? []);
  if (Array.isArray(parts)) return parts;
  const why = typeof parts === "string" ? parts : parts.message;
  problems.push(`Rows of the history of partition ${source.partition} cannot be read from its checkpoint: ${why}.`);
  return [];
}

function describeLost(partition: number, { log, to }: RedoDelta): string {
  return (
    `The log of partition ${partition} no longer has the records from offset ${log?.from} on as the checkpoint at offset ${to} needs them. ` +
    "The state ends before them. Windows are incomplete until the stream fills them."
  );
}

function describeDamage(ref: PartRef, bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return `its part ${ref.name} is missing`;
  if (bytes.length !== ref.bytes) return `its part ${ref.name} has ${bytes.length} bytes and should have ${ref.bytes}`;
  return `the checksum of its part ${ref.name} does not match`;
}

/** Yields each part once and forgets it, so that its memory is free while the next one is copied. */
function* consumed(parts: Uint8Array[]): Generator<Uint8Array> {
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) yield part;
}

/**
 * Applies the deltas behind `offset`, up to the first one that is not sound. The log has the records from there on: it is kept from
 * the newer base's offset at least, so only two damaged files can leave a gap, which `seekLog` then finds.
 */
async function replay<E extends RestorableEngine>(
  options: RestoreOptions<E>,
  engine: E,
  deltas: readonly RedoDelta[],
  offset: number,
  readBack: LogReadBack,
  problems: string[],
): Promise<{ nextOffset: number; bytes: number }> {
  const { partition } = options;
  let nextOffset = offset;
  let bytes = 0;
  for (const delta of deltasFrom(deltas, offset).run) {
    const content = await readPart(options, delta.name);
    if (content instanceof SwapstatsError) {
      problems.push(`The redo of partition ${partition} from offset ${delta.from} cannot be read: ${content.message}`);
      break;
    }
    if (!isIntact(delta, content)) {
      const damage = describeDamage(delta, content);
      problems.push(`The redo of partition ${partition} from offset ${delta.from} is damaged: ${damage}.`);
      break;
    }
    if (delta.afterGap) {
      options.history?.noteGap();
      engine.noteGap();
    }
    await options.applyRedo(content, engine, (range) => readBack.read(range));
    nextOffset = delta.to;
    bytes += delta.bytes + (delta.log?.bytes ?? 0);
  }
  return { nextOffset, bytes };
}
