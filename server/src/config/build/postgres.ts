/** The PostgreSQL of the history in the configuration. */
import { TABLE, type TableValues } from "../keys.ts";
import type { ListenAddress } from "../units.ts";
import type { TlsFiles } from "./kafka.ts";
import { checkBothOrNeither, type Report, refuseEach } from "./report.ts";

const KEYS = TABLE.stores.postgres;
type PostgresValues = TableValues["stores"]["postgres"];

type Login = {
  readonly hosts: readonly ListenAddress[];
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
};

export type PostgresHistoryConfig = Login & {
  /** The whole address instead of the login, which is then empty. */
  readonly url: string | undefined;
  readonly schema: string;
  /** Undefined: no TLS, unless the URL asks for it. */
  readonly tls: TlsFiles | undefined;
  readonly statementMs: number;
};

/** Undefined where something was reported. */
export function buildPostgresHistory(values: PostgresValues, report: Report): PostgresHistoryConfig | undefined {
  const { url, hosts = [], database, user, password, tls, schema, statementMs } = values;
  const { isOn, ...files } = tls;
  checkBothOrNeither(
    [KEYS.tls.certPath, files.certPath, "tls_cert"],
    [KEYS.tls.keyPath, files.keyPath, "tls_key"],
    report,
  );
  const common = { schema, statementMs, tls: isOn ? files : undefined };
  if (url !== undefined) {
    const given = [
      [KEYS.hosts, values.hosts],
      [KEYS.database, database],
      [KEYS.user, user],
      [KEYS.password, password],
    ] as const;
    refuseEach(given, report, "is set, and url as well; keep one of the two");
    return { url, hosts: [], database: "", user: "", password: undefined, ...common };
  }
  if (hosts.length === 0 || database === undefined || user === undefined) {
    const missing = hosts.length === 0 ? KEYS.hosts : database === undefined ? KEYS.database : KEYS.user;
    report(
      missing,
      "is not set, and stores.history is postgres; give hosts, database and user, or the whole address as url",
    );
    return undefined;
  }
  return { url: undefined, hosts, database, user, password, ...common };
}
