/** Makes the configuration of the values of the table, with the checks that concern more than one key. */
import type { Config } from "../config.ts";
import { TABLE, type TableValues } from "../keys.ts";
import type { ConfigProblem, Setting } from "../settings.ts";
import { formatListenAddress } from "../units.ts";
import { buildApi } from "./api.ts";
import { buildChains, buildWindows, checkChainIds } from "./app.ts";
import { buildHistory } from "./history.ts";
import { buildIngest } from "./ingest.ts";
import { buildKafka } from "./kafka.ts";
import { buildNats } from "./nats.ts";
import { buildRateLimit } from "./rate-limit.ts";
import { type Report, reportTo } from "./report.ts";
import { buildSecurity } from "./security.ts";
import { buildStores } from "./stores.ts";

/** Builds the configuration. Returns undefined if it added anything to `problems`. */
export function buildConfig(
  values: TableValues,
  settings: readonly Setting[],
  problems: ConfigProblem[],
): Config | undefined {
  const before = problems.length;
  const report = reportTo(problems);
  const windows = buildWindows(values.windows, report);
  checkChainIds(settings, problems);
  const chains = buildChains(values.app, problems);
  checkListeners(values, report);
  const kafka = buildKafka(values.ingest, report);
  const stores = buildStores(values.stores, values.ingest.source, kafka, report);
  const nats = buildNats(values.pubsub.nats, report);
  const api = buildApi(values.api, report);
  const security = buildSecurity(values, report);
  const ingest = buildIngest(values.ingest, kafka, report);
  if (problems.length > before || ingest === undefined) return undefined;
  const history = buildHistory(values.history, stores.history);
  const rateLimit = buildRateLimit(values.rateLimit);
  return {
    ...{ ...values, ingest, windows, app: { ...values.app, chains }, stores, history },
    ...{ pubsub: { nats }, security, api, rateLimit },
  };
}

/** Each listener needs a port of its own. */
function checkListeners({ api, metrics }: TableValues, report: Report): void {
  const listeners = [
    { setting: TABLE.api.http.addr, addr: api.http.addr },
    { setting: TABLE.metrics.prometheus, addr: metrics.prometheus },
    { setting: TABLE.api.grpc.addr, addr: api.grpc.addr },
  ];
  for (const [i, { setting, addr }] of listeners.entries()) {
    if (addr === undefined || addr.port === 0) continue;
    const other = listeners.slice(0, i).find((one) => one.addr?.port === addr.port && one.addr.host === addr.host);
    if (other === undefined) continue;
    report(setting, `${formatListenAddress(addr)} is taken by ${other.setting.path}; choose another port`);
  }
}
