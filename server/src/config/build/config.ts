/** Makes the configuration of the values of the table, with the checks that concern more than one key. */
import type { Config } from "../config.ts";
import { TABLE, type TableValues } from "../keys.ts";
import type { ConfigProblem, Setting } from "../settings.ts";
import { formatListenAddress } from "../units.ts";
import { buildChains, buildWindows, checkChainIds } from "./app.ts";
import { buildIngest } from "./ingest.ts";
import { buildKafka } from "./kafka.ts";
import { buildNats } from "./nats.ts";
import { type Report, reportTo } from "./report.ts";
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
  const ingest = buildIngest(values.ingest, kafka);
  if (problems.length > before || ingest === undefined) return undefined;
  return { ...values, ingest, windows, app: { ...values.app, chains }, stores, pubsub: { nats } };
}

function checkListeners({ api, metrics: { prometheus } }: TableValues, report: Report): void {
  const { addr } = api.http;
  if (addr === undefined || prometheus === undefined || addr.port === 0) return;
  if (addr.port !== prometheus.port || addr.host !== prometheus.host) return;
  const message = `${formatListenAddress(prometheus)} is taken by api.http.addr; choose another port`;
  report(TABLE.metrics.prometheus, message);
}
