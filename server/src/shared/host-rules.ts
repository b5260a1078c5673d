/**
 * Decides which hosts a listener answers for, and which pages may change something. In a DNS rebinding attack a page's own name resolves to
 * this machine. The page then sends that name as Host and Origin, and the browser treats it as a page of the service. Only the name reveals
 * it.
 */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/** Without configured hosts, a loopback listener serves loopback names only, and any other listener serves every host. */
export type HostRule = { readonly kind: "any" } | { readonly kind: "listed"; readonly hosts: readonly string[] };

type HostVerdict = "ok" | "malformed" | "not_answered";

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?)(?::([0-9]{1,5}))?$/i;
const HOST_CHARS_MAX = 270;

type HostPort = { readonly name: string; readonly port: number | undefined };

/**
 * Parses a host with an optional port. The name is in lower case, without IPv6 brackets and without a final dot. Returns undefined for
 * other texts.
 */
export function parseHost(text: string): HostPort | undefined {
  if (text.length > HOST_CHARS_MAX) return undefined;
  const match = HOST.exec(text);
  if (match === null) return undefined;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && port > 65_535) return undefined;
  const given = (match[1] as string).toLowerCase();
  if (given.startsWith("[")) {
    const name = given.slice(1, -1);
    return isIP(name) === 6 ? { name, port } : undefined;
  }
  return { name: given.replace(/\.$/, ""), port };
}

/** Matches `localhost`, names below it, 127.0.0.0/8 and ::1. */
export function isLoopbackName(name: string): boolean {
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  const ip = name.startsWith("::ffff:") ? name.slice("::ffff:".length) : name;
  return (isIP(ip) === 4 && ip.startsWith("127.")) || name === "::1";
}

/** @param configured `api.hosts`. If empty, the listen address decides. */
export function hostRuleOf(listenHost: string | undefined, configured: readonly string[]): HostRule {
  if (configured.includes("*")) return { kind: "any" };
  if (configured.length > 0) return { kind: "listed", hosts: configured };
  return listenHost !== undefined && isLoopbackName(listenHost) ? { kind: "listed", hosts: [] } : { kind: "any" };
}

const VERDICTS_MAX = 256;

export class HostRules {
  readonly #rule: HostRule;
  readonly #hosts: ReadonlySet<string>;
  readonly #known = new Map<string, HostVerdict>();

  constructor(rule: HostRule) {
    this.#rule = rule;
    this.#hosts = new Set(rule.kind === "listed" ? rule.hosts.map((host) => host.toLowerCase()) : []);
  }

  /**
   * Checks whether a request is for a host that is answered. HTTP/1.1 requires exactly one Host. A client of HTTP/1.0 may send none; it is
   * not a browser then.
   */
  check(request: IncomingMessage): HostVerdict {
    const { host } = request.headers;
    if (countHosts(request.rawHeaders) > 1) return "malformed";
    if (host === undefined) return request.httpVersion === "1.0" ? "ok" : "malformed";
    return this.checkHost(host);
  }

  checkHost(host: string): HostVerdict {
    const known = this.#known.get(host);
    if (known !== undefined) return known;
    const verdict = this.#judge(host);
    if (this.#known.size >= VERDICTS_MAX) this.#known.clear();
    if (host.length <= HOST_CHARS_MAX) this.#known.set(host, verdict);
    return verdict;
  }

  /** Returns whether a host is an IP address. No name can imitate one. */
  isAddress(host: string | undefined): boolean {
    return host !== undefined && isIP(parseHost(host)?.name ?? "") !== 0;
  }

  /**
   * Returns whether a page may change something here because the service itself served it: its origin names the requested host, and nobody
   * else can own that host. Names are ours only where they are listed. IP addresses need no list.
   */
  isOwnOrigin(origin: string, host: string | undefined): boolean {
    if (host === undefined || !/^https?:\/\//i.test(origin)) return false;
    const own = parseHost(host);
    const page = parseHost(origin.replace(/^https?:\/\//i, ""));
    if (own === undefined || page === undefined || own.name !== page.name) return false;
    // A proxy in front may have terminated TLS, so the default ports of both schemes count as equal.
    if ((own.port ?? 80) !== (page.port ?? 80) && !(isSchemePort(own.port) && isSchemePort(page.port))) return false;
    return isIP(own.name) !== 0 || isLoopbackName(own.name) || this.#isListed(own);
  }

  #judge(host: string): HostVerdict {
    const parsed = parseHost(host);
    if (parsed === undefined) return "malformed";
    if (this.#rule.kind === "any") return "ok";
    return isLoopbackName(parsed.name) || this.#isListed(parsed) ? "ok" : "not_answered";
  }

  #isListed({ name, port }: HostPort): boolean {
    if (this.#hosts.has(name) || this.#hosts.has(`[${name}]`)) return true;
    return port !== undefined && (this.#hosts.has(`${name}:${port}`) || this.#hosts.has(`[${name}]:${port}`));
  }
}

const isSchemePort = (port: number | undefined): boolean => port === undefined || port === 80 || port === 443;

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}
