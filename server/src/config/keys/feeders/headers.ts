/** Keys with headers and parameters of requests, some of which are secrets. */
import { isTelling } from "../../../shared/mask-secrets.ts";
import type { ResolveSecret, StructureRead } from "../../key.ts";

type Texts = Readonly<Record<string, string>>;

const COUNT_MAX = 32;
const CHARS_MAX = 8192;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const PARAM_NAME = /^[^\s&=#?]{1,128}$/;
const SECRET_NAME = /auth|cookie|key|token|secret|password/i;
const REFERENCE = /^(?:env|file):/;
const MASK = "***";

/** Headers by name. The values of those that authenticate are references, `env:NAME` or `file:PATH`. */
export const HEADERS = texts(HEADER_NAME);
/** Parameters of the query by name, with secrets as in headers. */
export const QUERY = texts(PARAM_NAME);

function texts(names: RegExp) {
  return {
    type: "structure",
    read: (raw: unknown, resolveSecret: ResolveSecret): StructureRead<Texts> => readTexts(raw, names, resolveSecret),
    show: (value: Texts): Texts =>
      Object.fromEntries(Object.entries(value).map(([name, text]) => [name, SECRET_NAME.test(name) ? MASK : text])),
  } as const;
}

function readTexts(raw: unknown, names: RegExp, resolveSecret: ResolveSecret): StructureRead<Texts> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return { problem: "is no section; write a name and a value in each line" };
  }
  const given = Object.entries(raw);
  if (given.length > COUNT_MAX) return { problem: `has ${given.length} names; give at most ${COUNT_MAX}` };
  const value: Record<string, string> = {};
  for (const [name, one] of given) {
    if (!names.test(name)) return { problem: "has a name with signs that it cannot have; correct it" };
    if (typeof one === "object") return { problem: `has for ${name} no single value; give one` };
    const text = String(one);
    const isReference = REFERENCE.test(text);
    if (!isReference && (SECRET_NAME.test(name) || isTelling(text))) {
      return { problem: `has a secret in clear for ${name}; give env:NAME or file:PATH` };
    }
    const resolved = isReference ? resolveSecret(text) : { value: text };
    if ("problem" in resolved) return { problem: `has a value for ${name} that ${resolved.problem}` };
    if (/[\r\n\0]/.test(resolved.value) || resolved.value.length > CHARS_MAX) {
      return { problem: `has a value for ${name} that is not one line of at most ${CHARS_MAX} characters` };
    }
    value[name] = resolved.value;
  }
  return { value };
}
