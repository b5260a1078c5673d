/** Queries of the screener as every door checks them: the parser of the protocol, with the windows and chains of this service. */
import { type ParsedQuery, parseScreenerQuery, parseSparkOption } from "@swapstats/protocol/screener/parse-query.ts";
import type { QueryError, ServedWindow, Spark } from "@swapstats/protocol/screener/query.ts";
import type { QueryContext } from "@swapstats/protocol/screener/query-errors.ts";
import { didYouMean } from "../shared/nearest.ts";
import { type ChainAddresses, canonicalId, canonicalToken } from "../shared/token-id.ts";
import { ProblemError } from "./problems.ts";

/** A checked query, and the cursor of a further page. */
export type CheckedQuery = Exclude<ParsedQuery, { readonly errors: unknown }>;

export class ScreenerRequests {
  readonly #context: QueryContext;

  constructor(windows: readonly ServedWindow[], chains: ChainAddresses) {
    this.#context = { windows, hint: didYouMean, canonicalToken: (text) => canonicalToken(canonicalId(text, chains)) };
  }

  /** Throws ProblemError `invalid_parameters` with the path of each mistake in the query. */
  query(value: unknown): CheckedQuery {
    const parsed = parseScreenerQuery(value, this.#context);
    if ("errors" in parsed) throw problem(parsed.errors, "body");
    return parsed;
  }

  /** Reads `{field, window, points}`, or `<field>:<window>:<points>`. Throws as `query` does. */
  spark(value: unknown): Spark {
    const parsed = parseSparkOption(value, this.#context);
    if ("errors" in parsed) throw problem(parsed.errors, "query");
    return parsed.spark;
  }
}

function problem(mistakes: readonly QueryError[], place: "body" | "query"): ProblemError {
  const errors = mistakes.map(({ path, message }) => ({ in: place, name: path === "" ? "query" : path, message }));
  return new ProblemError("invalid_parameters", errors.map(({ name, message }) => `${name} ${message}`).join("; "), {
    errors,
  });
}
