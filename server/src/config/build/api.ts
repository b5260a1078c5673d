/** The listener of HTTP in the configuration. */
import { TABLE, type TableValues } from "../keys.ts";
import { checkBothOrNeither, type Report, refuseEach } from "./report.ts";

type ApiValues = TableValues["api"];

/** Files (PEM) of a listener with TLS. */
export type HttpTlsFiles = {
  readonly certPath: string;
  readonly keyPath: string;
  /** Authorities of client certificates, which every client must then show. Undefined: clients show none. */
  readonly clientCaPath: string | undefined;
};

export type ApiConfig = Omit<ApiValues, "http"> & {
  readonly http: Omit<ApiValues["http"], "tls"> & {
    /** Undefined: no TLS. */
    readonly tls: HttpTlsFiles | undefined;
  };
};

/** After a problem was reported, the result is of no use. */
export function buildApi(values: ApiValues, report: Report): ApiConfig {
  const { certPath, keyPath, clientCaPath } = values.http.tls;
  const { tls: KEYS } = TABLE.api.http;
  checkBothOrNeither(
    [KEYS.certPath, certPath, "api.http.tls.cert"],
    [KEYS.keyPath, keyPath, "api.http.tls.key"],
    report,
  );
  const isOff = certPath === undefined || keyPath === undefined;
  if (isOff) refuseEach([[KEYS.clientCaPath, clientCaPath]], report, "is set without api.http.tls.cert; give both");
  return { ...values, http: { ...values.http, tls: isOff ? undefined : { certPath, keyPath, clientCaPath } } };
}
