/** Which addresses and symbols tokens had: where the search for a name begins. What it finds is checked against the swaps. */
import type { Reading } from "../../../clients/postgres/connection.ts";
import type { SettledRow } from "../../../ports/history-store.ts";
import { escapedText } from "./parts.ts";
import { DAY_MS } from "./schema.ts";

/** Notes the names of the rows. A name is written once a day at most. */
export async function noteNames(query: Reading, schema: string, rows: readonly SettledRow[]): Promise<void> {
  const names = new Map<string, { readonly row: SettledRow; day: number }>();
  for (const row of rows) {
    const key = `${row.chainId} ${row.symbol ?? ""}\n${row.token}`;
    const day = Math.floor(row.eventTimeMs / DAY_MS);
    const known = names.get(key);
    if (known === undefined) names.set(key, { row, day });
    else if (day > known.day) known.day = day;
  }
  // Writers that note the same names do so in one order, and so never wait for each other in a circle.
  const all = [...names].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name);
  const values = [
    all.map(({ row }) => escapedText(row.token)),
    all.map(({ row }) => String(row.chainId)),
    all.map(({ row }) => escapedText(row.symbol ?? "")),
    all.map(({ day }) => String(day)),
  ];
  const sql = `INSERT INTO ${schema}.history_names AS held (token, chain_id, symbol, last_day)
    SELECT token, chain_id, symbol, '1970-01-01'::date + day
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::int[]) WITH ORDINALITY AS new (token, chain_id, symbol, day, n) ORDER BY n
    ON CONFLICT (token, chain_id, symbol) DO UPDATE SET last_day = excluded.last_day WHERE excluded.last_day > held.last_day`;
  await query(sql, values);
}
