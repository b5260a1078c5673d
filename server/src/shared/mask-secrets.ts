/**
 * Hides the part before an `@` in addresses wherever text is shown: in configuration errors, on the command line, in logs. People write
 * `user:password@` into addresses whether or not a program accepts it, and the error that refuses it must not repeat it.
 */

const MASK = "***";

/** Returns the text with `scheme://user:password@host` as `scheme://***@host`, and `user:password@host` as `***@host`. */
export function maskSecrets(text: string): string {
  if (!text.includes("@")) return text;
  // Each word is searched once from its end, so the work grows linearly with the length.
  return text.replaceAll(/[^\s"'`,;()<>[\]{}]+/g, maskWord);
}

function maskWord(word: string): string {
  const at = word.lastIndexOf("@");
  if (at === -1) return word;
  const scheme = word.indexOf("://");
  const start = scheme === -1 || scheme > at ? 0 : scheme + "://".length;
  const userinfo = word.slice(start, at);
  // A single name before the `@` is a mail address or a user. A secret has a colon before it, or follows a scheme.
  if (start === 0 && !userinfo.includes(":")) return word;
  return `${word.slice(0, start)}${MASK}${word.slice(at)}`;
}

/** Returns the path and query of a request without a ticket, which stands for the credentials of a client. */
export function maskedTarget(url: string | undefined): string | undefined {
  return url?.replace(/([?&]ticket=)[^&]*/g, `$1${MASK}`);
}

/** Patterns that are secrets themselves, or that announce one. */
const TELLING =
  /@|-----BEGIN|\bBearer\s|\beyJ[A-Za-z0-9_-]{8}|\bS[UANOC][A-Z2-7]{20}|\b(?:pass(?:word|wd)?|pwd|secret|token|api[_-]?key)\s*[=:]/i;

/**
 * Returns whether the whole value must be hidden. A password may contain commas, spaces and quotes, so no part of it is known to be safe.
 */
export const isTelling = (value: string): boolean => TELLING.test(value);

/** Returns the printable value of one key or argument. If it may hold a secret, only the scheme of its address remains. */
export function maskedValue(value: string): string {
  if (!isTelling(value)) return value;
  return `${/^[A-Za-z][A-Za-z0-9+.-]{0,20}:\/\//.exec(value)?.[0] ?? ""}${MASK}`;
}

/** Command line messages contain arguments. Each argument is masked as a whole. */
export function maskArguments(text: string, args: readonly string[]): string {
  // In `--url=VALUE` only the value is quoted.
  const values = args.flatMap((arg) => (arg.startsWith("--") ? [arg.slice(arg.indexOf("=") + 1)] : [arg]));
  const hidden = values.filter((value) => isTelling(value)).sort((a, b) => b.length - a.length);
  return maskSecrets(hidden.reduce((rest, arg) => rest.replaceAll(arg, () => maskedValue(arg)), text));
}
