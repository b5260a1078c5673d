/** Requests that no call takes: unknown paths, other methods, calls that this version does not have, `/ws` without WebSocket. */
import { ProblemError } from "../problems.ts";
import { WEBSOCKET_PATH } from "./connections.ts";
import { absentCalls, type Operation } from "./operations.ts";

export type Unmatched = {
  readonly problem: ProblemError;
  /** Header fields that belong to the problem. */
  readonly headers: Readonly<Record<string, string>>;
};

/** Of a path that was asked for, what the answer repeats. */
const PATH_CHARS_MAX = 200;

/** Says why no call takes a request. */
export class UnmatchedRequests {
  readonly #known: readonly { method: string; pattern: RegExp; absent: string | undefined }[];

  constructor(operations: readonly Operation[]) {
    this.#known = [
      ...operations.map(({ method, path }) => ({ method, pattern: patternOf(path), absent: undefined })),
      ...absentCalls.map(({ method, path, what }) => ({ method, pattern: patternOf(path), absent: what })),
    ];
  }

  explain(method: string, url: string): Unmatched {
    const path = url.split("?", 1)[0] as string;
    if (path === WEBSOCKET_PATH) {
      const problem = new ProblemError("upgrade_required", "Connect to this path with WebSocket.");
      return { problem, headers: { upgrade: "websocket" } };
    }
    const here = this.#known.filter(({ pattern }) => pattern.test(path));
    if (here.length === 0) {
      const text = `There is no ${path.slice(0, PATH_CHARS_MAX)}; /docs lists all calls.`;
      return { problem: new ProblemError("not_found", text), headers: {} };
    }
    const same = here.find((call) => call.method === method);
    if (same !== undefined) {
      return {
        problem: new ProblemError("not_implemented", `${same.absent} is not part of this version.`),
        headers: {},
      };
    }
    const methods = new Set(here.flatMap((call) => (call.method === "GET" ? ["GET", "HEAD"] : [call.method])));
    const allow = [...methods].join(", ");
    const text = `${method} is not possible here; the path has ${allow}.`;
    return { problem: new ProblemError("method_not_allowed", text), headers: { allow } };
  }
}

const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
