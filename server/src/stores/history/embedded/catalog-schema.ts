/** Tables of the catalog, an SQLite database. Times are ms UTC. */
export const CATALOG_NAME = "catalog.sqlite";
export const SCHEMA_VERSION = 2;

export const CATALOG_TABLES = `
CREATE TABLE streams (
  id INTEGER PRIMARY KEY,
  log_id TEXT NOT NULL, partition INTEGER NOT NULL, epoch INTEGER NOT NULL,
  from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
  settled_before_ms INTEGER NOT NULL DEFAULT 0,
  minutes_before_ms INTEGER NOT NULL DEFAULT 0,
  days_before_ms INTEGER NOT NULL DEFAULT 0,
  UNIQUE (log_id, partition, epoch)
) STRICT;
CREATE TABLE held (stream INTEGER NOT NULL, from_sequence INTEGER NOT NULL, to_sequence INTEGER NOT NULL, PRIMARY KEY (stream, from_sequence)) STRICT, WITHOUT ROWID;
CREATE TABLE marks (stream INTEGER NOT NULL, sequence INTEGER NOT NULL, before_ms INTEGER NOT NULL, PRIMARY KEY (stream, sequence)) STRICT, WITHOUT ROWID;
CREATE TABLE gaps (
  log_id TEXT NOT NULL, partition INTEGER NOT NULL, epoch INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
  cause TEXT NOT NULL, is_repairable INTEGER NOT NULL, from_sequence INTEGER, to_sequence INTEGER,
  PRIMARY KEY (log_id, partition, epoch, from_ms, to_ms)
) STRICT;
CREATE TABLE files (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  tier TEXT NOT NULL,
  level INTEGER NOT NULL,
  from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
  rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  streams_seen INTEGER NOT NULL,
  is_cold INTEGER NOT NULL DEFAULT 0,
  replaced_ms INTEGER
) STRICT;
CREATE TABLE file_streams (file INTEGER NOT NULL, stream INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, PRIMARY KEY (file, stream)) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
  chain_id INTEGER NOT NULL, token TEXT NOT NULL, last_ms INTEGER NOT NULL, symbol TEXT, symbol_ms INTEGER NOT NULL DEFAULT -1,
  PRIMARY KEY (token, chain_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_symbol ON tokens (symbol, last_ms);
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Bring the tables from a version to the next one, by the version before. */
export const CATALOG_CHANGES: Readonly<Record<number, string>> = {
  1: "ALTER TABLE gaps ADD COLUMN from_sequence INTEGER; ALTER TABLE gaps ADD COLUMN to_sequence INTEGER; PRAGMA user_version = 2;",
};
