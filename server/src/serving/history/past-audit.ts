/**
 * Audits of the service's own figures. Figures, swaps of memory and rows of the store are read one after another, while swaps go on being applied.
 * So the figures are read once more at the end: an audit is only answered when they are the same as at the beginning.
 */
import type { WindowFigures } from "@swapstats/protocol/schemas/figures.ts";
import type { Audit } from "@swapstats/protocol/schemas/history.ts";
import type { ServedWindow } from "@swapstats/protocol/screener/query.ts";
import type { Preference } from "../../ports/stats-bus.ts";
import { ProblemError, unknownToken } from "../problems.ts";
import type { QueryExecutor } from "../query-executor.ts";
import { auditWindow } from "./audit.ts";
import { covers } from "./coverage.ts";
import type { PastWindows } from "./instants.ts";
import { pastFigures, StatsPlan } from "./past-stats.ts";
import type { PastToken, PastTokens } from "./past-tokens.ts";
import type { WholeHistory } from "./whole-history.ts";

/** Swaps that the owner sends at most. */
const OWNED_SWAPS_MAX = 50_000;
/** How often an audit begins anew, because the figures have changed meanwhile. */
const ATTEMPTS_MAX = 5;
/** Reading rows ends after this time. The lane's own limit is shorter. */
const TIMEOUT_MS = 30_000;

type Served = { readonly asOfMs: number; readonly symbol: string | undefined; readonly figures: WindowFigures };

type PastAuditOptions = {
  readonly executor: QueryExecutor;
  readonly history: WholeHistory;
  readonly tokens: PastTokens;
  readonly windows: PastWindows;
  readonly nowMs: () => number;
};

export class PastAudit {
  readonly #options: PastAuditOptions;

  constructor(options: PastAuditOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the audit of a window, as it is served live, or as of an instant. Rejects with ProblemError `unknown_token`, `ambiguous_token`,
   * `invalid_parameters` beyond the limits, and `unavailable`, also when the figures of a busy token change faster than they can be audited.
   */
  async audit(
    text: string,
    name: string,
    instantMs: number | undefined,
    prefer: Preference | undefined,
  ): Promise<Audit> {
    const { tokens, windows } = this.#options;
    const [window] = windows.of([name], "query", "window") as [ServedWindow];
    const token = await tokens.find(text, prefer);
    // A window of another length is not served live.
    const atMs = windows.of([], "query").includes(window) ? instantMs : (instantMs ?? this.#options.nowMs());
    for (let attempt = 1; ; attempt++) {
      const served = await this.#served(token, text, window, atMs);
      const audit = await this.#compare(token, window, served);
      const after = await this.#served(token, text, window, atMs);
      if (isSame(served, after)) return audit;
      if (attempt === ATTEMPTS_MAX) throw tooBusy(token, window);
    }
  }

  async #served(token: PastToken, text: string, window: ServedWindow, atMs: number | undefined): Promise<Served> {
    const { executor } = this.#options;
    if (atMs !== undefined) return this.#servedAt(token, text, window, atMs);
    const { body, asOf } = await executor.tokenStats(token.id, executor.selections.of([window.name], []));
    return { asOfMs: asOf, ...contentOf(body, window) };
  }

  async #servedAt(token: PastToken, text: string, window: ServedWindow, asOfMs: number): Promise<Served> {
    const { history, windows } = this.#options;
    const plan = new StatsPlan({ windows: [window], fields: [] }, windows, asOfMs);
    const { spans, walletsOf, closeMs } = plan;
    const owned = await history.owned({ want: "sums", tokens: [token.key], spans, walletsOf }, closeMs);
    const found = await pastFigures(history, token, 0, plan, owned);
    if (found === undefined) throw unknownToken(text);
    return { asOfMs, ...contentOf(found.text, window) };
  }

  async #compare(token: PastToken, window: ServedWindow, served: Served): Promise<Audit> {
    const { history, windows } = this.#options;
    const { asOfMs, symbol, figures } = served;
    const toMs = windows.closeMs(asOfMs);
    // Where the span before the window is served, it is read, too.
    const fromMs = windows.openMs(window, asOfMs) - (figures.previous === undefined ? 0 : window.lengthMs);
    const page = { fromMs, toMs, order: "asc", after: undefined, limit: OWNED_SWAPS_MAX } as const;
    const owned = await history.owned({ want: "swaps", tokens: [token.key], page }, toMs);
    const lists = owned.parts.map(({ tokens }) => tokens[0]?.swaps ?? []);
    if (lists.some(({ length }) => length >= OWNED_SWAPS_MAX)) throw tooBusy(token, window);
    const subject = {
      ...{ token: token.key, id: token.id, symbol, window, asOfMs, served: figures },
      ...{ finestStepMs: windows.finestStepMs, memory: lists.flat(), edges: owned.edges },
    };
    const known = history.coverage(owned, 0);
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return auditWindow(history.reader, subject, async (span) => covers(known, span), signal);
  }
}

/** Reads the members of a response about a token. */
function contentOf(members: string, window: ServedWindow): Pick<Served, "symbol" | "figures"> {
  const { symbol, windows } = JSON.parse(`{${members}}`) as {
    symbol?: string;
    windows: Record<string, WindowFigures>;
  };
  return { symbol, figures: windows[window.name] as WindowFigures };
}

const isSame = (a: Served, b: Served): boolean => JSON.stringify(a.figures) === JSON.stringify(b.figures);

function tooBusy({ id }: PastToken, { name }: ServedWindow): ProblemError {
  return new ProblemError(
    "unavailable",
    `The figures of ${id} over ${name} change faster than they can be audited. Audit them as of an earlier instant, with at.`,
  );
}
