/** What the readers of all kinds of files give to a replay: lines of NDJSON, each with the place it comes from. */

/** A row that cannot become a record of a swap, such as one with too many cells. */
export type RowFault = {
  readonly row: number;
  readonly code: string;
  /** The column, where one is at fault. */
  readonly field?: string;
  readonly value: string;
  readonly message: string;
  /** The row as the file has it. */
  readonly raw: string;
};

export type Batch = {
  /** Place of the file on the command line, from 0. */
  readonly file: number;
  /** NDJSON; valid until the next batch is asked for. */
  readonly bytes: Buffer;
  /**
   * Row of each line, from 1. Undefined: the lines follow each other as in the file, and the last one may go on in the next
   * batch.
   */
  readonly rows?: ArrayLike<number>;
  /** File of each line, where a batch has lines of several. */
  readonly files?: ArrayLike<number>;
  readonly faults?: readonly RowFault[];
};

export type Batches = AsyncIterable<Batch> | Iterable<Batch>;

/** Code of a row whose cells do not fit the header; beside the codes of dead letters, which are about events. */
export const BAD_ROW = "bad_row";
