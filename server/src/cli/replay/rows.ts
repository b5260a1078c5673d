/** The output of the readers of all kinds of files: lines of NDJSON, each with its place. */

/** A row that cannot become a record, for example with too many cells. */
export type RowFault = {
  readonly row: number;
  readonly code: string;
  /** The faulty column, if there is one. */
  readonly field?: string;
  readonly value: string;
  readonly message: string;
  /** The row as it is in the file. */
  readonly raw: string;
};

export type Batch = {
  /** Index of the file on the command line, from 0. */
  readonly file: number;
  /** NDJSON. Valid until the next batch is requested. */
  readonly bytes: Buffer;
  /**
   * Row of each line, from 1. Undefined: the lines follow each other as in the file, and the last one may continue in the next
   * batch.
   */
  readonly rows?: ArrayLike<number>;
  /** File of each line, if the batch has lines of several files. */
  readonly files?: ArrayLike<number>;
  readonly faults?: readonly RowFault[];
};

export type Batches = AsyncIterable<Batch> | Iterable<Batch>;

/** Code of a row whose cells do not fit the header. The other codes of dead letters are about events. */
export const BAD_ROW = "bad_row";
