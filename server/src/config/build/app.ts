/** Windows and chains in the configuration. */
import { CHAIN_ID } from "../key.ts";
import { TABLE, type TableValues } from "../keys.ts";
import type { ConfigProblem, Setting } from "../settings.ts";
import { DEFAULT_WINDOWS, type WindowSetting, windowsOf } from "../windows.ts";
import type { Report } from "./report.ts";

type AppValues = TableValues["app"];
type ChainValues = AppValues["chains"] extends ReadonlyMap<string, infer V> ? V : never;

/** The settings of one chain. The required fields are filled in; absent fields have the value for all chains. */
export type ChainSetting = ChainValues & Required<Pick<ChainValues, "graceMs" | "reorgHorizonMs">>;

export type WindowsConfig = Omit<TableValues["windows"], "list" | "bucketStepMs"> & {
  /** Ascending by length, 1 to 16. */
  readonly list: readonly WindowSetting[];
  /** Step of all windows; undefined: each has its own. */
  readonly bucketStepMs?: number | undefined;
};

const CHAIN_ID_MAX = 4_294_967_295;
const CHAINS_MAX = 256;

export function buildWindows(
  { list: names, bucketStepMs, ...values }: TableValues["windows"],
  report: Report,
): WindowsConfig {
  const keys = TABLE.windows;
  if (bucketStepMs !== undefined && bucketStepMs % 1_000 !== 0) {
    report(keys.bucketStepMs, "is not in whole seconds; write 1s, 5s or the like");
    return { list: [], ...values };
  }
  const { windows, problems } = windowsOf(names, bucketStepMs);
  // A step that was given for all is at fault where the default windows do not fit it.
  const isDefault = bucketStepMs !== undefined && names.join(",") === DEFAULT_WINDOWS;
  for (const message of problems) report(isDefault ? keys.bucketStepMs : keys.list, message);
  return { list: windows, bucketStepMs, ...values };
}

/** Reports each setting of a chain whose id is out of range. */
export function checkChainIds(settings: readonly Setting[], problems: ConfigProblem[]): void {
  for (const { path, spec, value } of settings) {
    const place = spec.path.split(".").indexOf(CHAIN_ID);
    const id = path.split(".")[place];
    if (id === undefined || value === undefined || isChainId(id)) continue;
    const message = `"${id}" is not a chain id; write a whole number from 0 to ${CHAIN_ID_MAX}`;
    problems.push({ path, where: "", message });
  }
}

export function buildChains(
  { chains, graceMs, reorgHorizonMs }: AppValues,
  problems: ConfigProblem[],
): ReadonlyMap<number, ChainSetting> {
  const ids = [...chains.keys()].filter(isChainId);
  if (ids.length > CHAINS_MAX) {
    const message = `names ${ids.length} chains; give at most ${CHAINS_MAX}`;
    problems.push({ path: "app.chains", where: "", message });
  }
  return new Map(ids.map((id) => [Number(id), { graceMs, reorgHorizonMs, ...chains.get(id) }]));
}

function isChainId(id: string): boolean {
  return Number(id) <= CHAIN_ID_MAX && String(Number(id)) === id;
}
