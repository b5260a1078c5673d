/** Requests that match no operation: unknown paths, other methods, `/ws` without WebSocket. */
import { nearestName } from "../../shared/nearest.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { ProblemError } from "../problems.ts";
import { WEBSOCKET_PATH } from "./connections.ts";

type Unmatched = {
  readonly problem: ProblemError;
  /** Header fields of the response. */
  readonly headers: Readonly<Record<string, string>>;
};

/** Characters of a requested path that the response repeats. */
const PATH_CHARS_MAX = 200;

/** Explains why no operation matches a request. */
export class UnmatchedRequests {
  readonly #paths: readonly string[];
  readonly #known: readonly { method: string; pattern: RegExp }[];

  constructor(operations: readonly { readonly method: string; readonly path: string }[]) {
    this.#paths = [...operations.map(({ path }) => path), WEBSOCKET_PATH];
    this.#known = operations.map(({ method, path }) => ({ method, pattern: patternOf(path) }));
  }

  explain(method: string, url: string): Unmatched {
    const path = url.split("?", 1)[0] as string;
    if (path === WEBSOCKET_PATH) {
      const problem = new ProblemError("upgrade_required", "Connect to this path with WebSocket.");
      return { problem, headers: { upgrade: "websocket" } };
    }
    const here = this.#known.filter(({ pattern }) => pattern.test(path));
    if (here.length === 0) {
      const text = `There is no ${printableCut(path, PATH_CHARS_MAX)}${this.#near(path)}; /docs lists all calls.`;
      return { problem: new ProblemError("not_found", text), headers: {} };
    }
    const methods = new Set(here.flatMap((call) => (call.method === "GET" ? ["GET", "HEAD"] : [call.method])));
    const allow = [...methods].join(", ");
    const text = `${method} is not possible here; the path has ${allow}.`;
    return { problem: new ProblemError("method_not_allowed", text), headers: { allow } };
  }

  /** Returns a similar path. Parameters of a known path match any text of the request in their place. */
  #near(path: string): string {
    if (path.length > PATH_CHARS_MAX) return "";
    const given = path.split("/");
    const filled = this.#paths.map((known) => {
      const parts = known.split("/");
      return parts.length === given.length
        ? parts.map((part, i) => (part.startsWith("{") ? (given[i] as string) : part)).join("/")
        : known;
    });
    const near = nearestName(path, filled);
    return near === undefined || near === "/"
      ? ""
      : ` (did you mean ${printableCut(this.#paths[filled.indexOf(near)] as string, PATH_CHARS_MAX)}?)`;
  }
}

const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
