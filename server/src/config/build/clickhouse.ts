/** The ClickHouse of the history in the configuration. */
import { TABLE, type TableValues } from "../keys.ts";
import type { TlsFiles } from "./kafka.ts";
import { checkBothOrNeither, type Report, refuseEach } from "./report.ts";

const KEYS = TABLE.stores.clickhouse;
type ClickHouseValues = TableValues["stores"]["clickhouse"];

export type ClickHouseHistoryConfig = {
  readonly url: string;
  readonly user: string;
  readonly password: string | undefined;
  readonly tls: TlsFiles;
  readonly requestMs: number;
  readonly database: string;
  readonly cluster: string | undefined;
  readonly storagePolicy: string | undefined;
  /** Undefined: never. */
  readonly coldAfterMs: number | undefined;
  readonly deleteAfterMs: number | undefined;
};

/** Undefined where something was reported. */
export function buildClickHouseHistory(
  { url, tls, coldAfterMs, deleteAfterMs, ...values }: ClickHouseValues,
  report: Report,
): ClickHouseHistoryConfig | undefined {
  if (url === undefined) {
    report(KEYS.url, "is not set, and stores.history is clickhouse; give the address of its HTTP interface");
    return undefined;
  }
  checkBothOrNeither([KEYS.tls.certPath, tls.certPath, "tls_cert"], [KEYS.tls.keyPath, tls.keyPath, "tls_key"], report);
  if (tls.certPath !== undefined && tls.caPath === undefined) {
    report(KEYS.tls.certPath, "is set without tls_ca; give the authority of the server's certificate as well");
  }
  if (!url.startsWith("https:")) {
    const given = [
      [KEYS.tls.caPath, tls.caPath],
      [KEYS.tls.certPath, tls.certPath],
    ] as const;
    refuseEach(given, report, "is set, and url does not begin with https; change url, or remove it");
  }
  const age = (ms: number): number | undefined => (ms === 0 ? undefined : ms);
  return { url, tls, ...values, coldAfterMs: age(coldAfterMs), deleteAfterMs: age(deleteAfterMs) };
}
