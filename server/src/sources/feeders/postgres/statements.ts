/**
 * The SQL of the Postgres feeder. Names of tables and columns are quoted identifiers, and values are parameters. A row becomes JSON in the
 * database, by row_to_json: numbers of every type keep all digits.
 */
import { RECORD_BYTES_MAX } from "../../../codecs/limits.ts";
import { SwapstatsError } from "../../../shared/errors.ts";

/** PostgreSQL cuts longer names. */
const NAME_BYTES_MAX = 63;

/** Where rows come from, as it stands in FROM, and the column that orders them. */
export type RowSource = {
  /** Parts of the table's name: schema and table, or the table. Undefined: `query` is set. */
  readonly table: readonly string[] | undefined;
  readonly query: string | undefined;
  readonly id: string;
};

/** Returns the identifier in quotes. Throws `bad_config` when it cannot be a name. */
export function quoted(name: string): string {
  const isName = name !== "" && !name.includes("\0") && Buffer.byteLength(name) <= NAME_BYTES_MAX;
  if (!isName) {
    const message = `"${name}" cannot be a name in PostgreSQL; a name has 1 to ${NAME_BYTES_MAX} bytes`;
    throw new SwapstatsError("bad_config", message);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Splits `schema.table` at its dots. A part in double quotes may contain dots, and "" in it stands for one quote. Names are taken as they
 * are written, so upper case matters. Throws `bad_config` for anything else.
 */
export function tableParts(text: string): string[] {
  const part = /(?:"((?:[^"]|"")+)"|([^".]+))(\.|$)/y;
  const parts: string[] = [];
  for (let at = 0; at < text.length || parts.length === 0; at = part.lastIndex) {
    part.lastIndex = at;
    const match = part.exec(text);
    const isAtEnd = match !== null && match[3] === "";
    if (match === null || (parts.length === 1 && !isAtEnd) || (part.lastIndex === text.length && !isAtEnd)) {
      throw new SwapstatsError("bad_config", `"${text}" is not a table; write TABLE or SCHEMA.TABLE`);
    }
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (isAtEnd) break;
  }
  return parts;
}

export class Statements {
  /** Quoted name of the table. Undefined with a query. */
  readonly table: string | undefined;
  readonly id: string;
  readonly #from: string;

  /** Throws `bad_config` when a name is none. */
  constructor({ table, query, id }: RowSource) {
    this.table = table?.map(quoted).join(".");
    this.id = quoted(id);
    // The line break ends a comment at the end of the query.
    this.#from = this.table ?? `(${query}\n)`;
  }

  /** Has the columns of the rows, and no row. */
  get columns(): string {
    return `SELECT item.* FROM ${this.#from} AS item LIMIT 0`;
  }

  /** Has one row unless reading by id would search the whole table, for want of an index. $1: the quoted table; $2: the column. */
  get index(): string {
    return `SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid = $1::text::regclass AND (c.relkind NOT IN ('r', 'p', 'm') OR EXISTS (
      SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND a.attname = $2::text))`;
  }

  /**
   * The newest id, and the transactions that may write to the table or to its partitions. With a query or a view, these are the ones that
   * may write to any table of the database. The locks are listed after the newest id was read, because a statement takes its snapshot before
   * it calls functions. A standby does not know the locks of its primary; `oldest` and `next` are for it: all transactions below `oldest`
   * have ended, and none from `next` on has begun. $1: the quoted table, or null.
   */
  get observation(): string {
    return `WITH RECURSIVE tree AS (
        SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid = $1::text::regclass AND c.relkind IN ('r', 'p', 'm')
        UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid)
      SELECT (SELECT item.${this.id}::text FROM ${this.#from} AS item WHERE item.${this.id} IS NOT NULL
          ORDER BY item.${this.id} DESC LIMIT 1) AS newest,
        ARRAY(SELECT DISTINCT l.virtualtransaction FROM pg_catalog.pg_locks l
          WHERE l.locktype = 'relation' AND l.granted
          AND (NOT EXISTS (SELECT 1 FROM tree) OR l.relation IN (SELECT oid FROM tree))
          AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
          AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')) AS writers,
        pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text AS oldest,
        pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text AS next`;
  }

  /** Rows of ranges of ids, the smallest ids first. $1: rows; $2: bytes; $3 and $4: lowest and highest ids of the ranges. */
  get ranges(): string {
    const one = `SELECT item.${this.id}::bigint AS id, row_to_json(item.*)::text AS record FROM ${this.#from} AS item
      WHERE item.${this.id} BETWEEN hole.low AND hole.high ORDER BY item.${this.id} LIMIT $1::int + 1`;
    const all = `SELECT found.id, found.record FROM unnest($3::bigint[], $4::bigint[]) AS hole(low, high)
      CROSS JOIN LATERAL (${one}) AS found ORDER BY found.id LIMIT $1::int + 1`;
    return bounded(all);
  }

  /** Rows from an id on, the smallest ids first. $1: rows; $2: bytes; $3: the id. */
  get following(): string {
    const rows = `SELECT item.${this.id}::bigint AS id, row_to_json(item.*)::text AS record FROM ${this.#from} AS item
      WHERE item.${this.id} >= $3::bigint ORDER BY item.${this.id} LIMIT $1::int + 1`;
    return bounded(rows);
  }
}

/**
 * Limits the bytes that the server sends: at most $2 in all, but at least one row; a row larger than a record may be is cut, and its
 * mapping then finds it too large. `found` counts the rows before this limit, and `twin` says that the next row has the same id.
 */
function bounded(rows: string): string {
  const record = `CASE WHEN octet_length(record) > ${RECORD_BYTES_MAX} THEN left(record, ${RECORD_BYTES_MAX + 1}) ELSE record END`;
  return `SELECT id::text, record, found::text, twin FROM (
    SELECT id, record, count(*) OVER () AS found, id = lead(id) OVER by_id AS twin, row_number() OVER by_id AS place,
      sum(octet_length(record)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS bytes
    FROM (SELECT id, ${record} AS record FROM (${rows}) AS whole) AS cut WINDOW by_id AS (ORDER BY id)
  ) AS sized WHERE place <= $1::int AND (place = 1 OR bytes <= $2::bigint) ORDER BY place`;
}
