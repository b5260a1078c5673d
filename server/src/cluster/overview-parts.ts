/**
 * A ranking put together by partition: of each the newest rows that its owner sent, whoever that was, so that a partition
 * that moves or whose owner is away keeps its place in the ranking. The epoch of the whole names those of all partitions in their
 * order, and is therefore the same at every instance; the revision is the sum of theirs.
 */
import { createHash } from "node:crypto";
import type { PartRevision } from "../bus/worker-protocol.ts";

/** Epochs of more partitions together are named by a short name of theirs: an ETag has to carry it. */
const EPOCH_CHARS_MAX = 96;
const TAG_CHARS = 22;

export type PartRows<Row> = {
  readonly epoch: string;
  readonly rev: number;
  readonly asOf: number;
  readonly lagMs: number;
  readonly rows: readonly Row[];
  /** There are rows behind the last one. */
  readonly more: boolean;
};

export type PartedAnswer<Row> = {
  readonly parts: readonly PartRevision[];
  readonly asOf: number;
  readonly lagMs: number;
  readonly rows: readonly Row[];
  readonly more: boolean;
};

export class OverviewParts<Row extends { readonly partition: number }> {
  readonly #parts = new Map<number, PartRows<Row>>();

  get(partition: number): PartRows<Row> | undefined {
    return this.#parts.get(partition);
  }

  /** Takes an answer's rows; of partitions of which newer ones of the same epoch are known, or that `isCurrent` refuses, nothing is taken. */
  put(answer: PartedAnswer<Row>, isCurrent: (partition: number, epoch: string) => boolean): void {
    for (const { partition, epoch, rev } of answer.parts) {
      const known = this.#parts.get(partition);
      if (!isCurrent(partition, epoch) || (known?.epoch === epoch && rev < known.rev)) continue;
      const rows = answer.rows.filter((row) => row.partition === partition);
      this.#parts.set(partition, { epoch, rev, asOf: answer.asOf, lagMs: answer.lagMs, rows, more: answer.more });
    }
  }

  /** Of the partitions 0 to count - 1; undefined where one is not known, or not even their number. */
  all(count: number): PartRows<Row>[] | undefined {
    if (count === 0) return undefined;
    const all: PartRows<Row>[] = [];
    for (let partition = 0; partition < count; partition++) {
      const part = this.#parts.get(partition);
      if (part === undefined) return undefined;
      all.push(part);
    }
    return all;
  }
}

export function epochOfParts(parts: readonly { readonly epoch: string }[]): string {
  const text = parts.map((part) => part.epoch).join(".");
  return text.length <= EPOCH_CHARS_MAX
    ? text
    : createHash("sha256").update(text).digest("base64url").slice(0, TAG_CHARS);
}

export function revisionOfParts(parts: readonly { readonly rev: number }[]): number {
  return parts.reduce((sum, part) => sum + part.rev, 0);
}
