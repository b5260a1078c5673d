/** Keys with addresses of servers, which may carry secrets. */
import type { ResolveSecret, StructureRead } from "../../key.ts";

const URL_CHARS_MAX = 4096;
const REFERENCE = /^(?:env|file):/;
const MASK = "***";

/** An address of one of these protocols, or a reference to it. What follows the host is not shown. */
export const url = (protocols: readonly string[]) =>
  ({
    type: "structure",
    read: (raw: unknown, resolveSecret: ResolveSecret): StructureRead<string> => readUrl(raw, protocols, resolveSecret),
    show: (value: string): string => {
      const { protocol, host, pathname, search } = new URL(value);
      return `${protocol}//${host}/${pathname.length + search.length > 1 ? MASK : ""}`;
    },
  }) as const;

function readUrl(raw: unknown, protocols: readonly string[], resolveSecret: ResolveSecret): StructureRead<string> {
  const wanted = `write a URL with ${protocols.join(" or ")}, or env:NAME or file:PATH for one with a secret`;
  if (typeof raw !== "string" || raw.trim() === "") return { problem: `is no URL; ${wanted}` };
  const text = raw.trim();
  const resolved = REFERENCE.test(text) ? resolveSecret(text) : { value: text };
  if ("problem" in resolved) return resolved;
  const parsed = URL.parse(resolved.value);
  if (parsed === null || !protocols.includes(`${parsed.protocol}//`) || resolved.value.length > URL_CHARS_MAX) {
    return { problem: `is no URL of this kind; ${wanted}` };
  }
  if (parsed.username !== "" || parsed.password !== "") {
    return { problem: "holds a user or a password; give them in `headers`, by env:NAME or file:PATH" };
  }
  return { value: resolved.value };
}
