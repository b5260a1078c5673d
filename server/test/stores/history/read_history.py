"""Reads the embedded history as docs/history-parquet.md says, again and again, and prints each different result once, as JSON.

Arguments: the folder of the history, and the number of rounds.
"""

import json
import sys

import duckdb

folder, rounds = sys.argv[1], int(sys.argv[2])


def sums():
    with open(f"{folder}/files.json") as file:
        listed = json.load(file)
    con = duckdb.connect()
    con.execute("CREATE TABLE valid (stream UINTEGER, from_ms BIGINT, to_ms BIGINT)")
    con.executemany("INSERT INTO valid VALUES ($stream, $from_ms, $to_ms)", listed["valid"])
    paths = [f"{folder}/{path}" for path in listed["swaps"]]
    rows = con.execute(
        """
        SELECT chain_id, token, count(*) AS swaps, count(*) FILTER (side = 'buy') AS buys,
               sum(amount_usd)::VARCHAR AS usd, sum(amount_token)::VARCHAR AS tokens, count(DISTINCT who) AS wallets
        FROM read_parquet($paths) JOIN valid USING (stream)
        WHERE epoch_ms(event_time) >= from_ms AND epoch_ms(event_time) < to_ms
        GROUP BY ALL ORDER BY ALL
        """,
        {"paths": paths},
    ).fetchall()
    minutes = [f"{folder}/{path}" for path in listed["minutes"]]
    in_minutes = con.execute("SELECT sum(buys + sells)::BIGINT FROM read_parquet($1)", [minutes]).fetchone()[0]
    return json.dumps({"tokens": rows, "inMinutes": in_minutes})


seen = []
for _ in range(rounds):
    result = sums()
    if result not in seen:
        seen.append(result)
        print(result, flush=True)
