/**
 * Hides what stands before an `@` in addresses, wherever text is shown: in errors of the configuration, on the command line, in
 * logs. People put `user:password@` into addresses whether a program takes it or not, and the error that refuses it must not repeat it.
 */

const MASK = "***";

/** The text with `scheme://user:password@host` as `scheme://***@host`, and `user:password@host` as `***@host`. */
export function maskSecrets(text: string): string {
  if (!text.includes("@")) return text;
  // Word by word: each is searched once from its end, so the work grows with the length alone.
  return text.replaceAll(/[^\s"'`,;()<>[\]{}]+/g, maskWord);
}

function maskWord(word: string): string {
  const at = word.lastIndexOf("@");
  if (at === -1) return word;
  const scheme = word.indexOf("://");
  const start = scheme === -1 || scheme > at ? 0 : scheme + "://".length;
  const userinfo = word.slice(start, at);
  // A lone name before the `@` is a mail address or a user; a secret has a colon before it, or stands behind a scheme.
  if (start === 0 && !userinfo.includes(":")) return word;
  return `${word.slice(0, start)}${MASK}${word.slice(at)}`;
}

/** Forms that are secrets by themselves, or announce one. */
const TELLING =
  /@|-----BEGIN|\bBearer\s|\beyJ[A-Za-z0-9_-]{8}|\bS[UANOC][A-Z2-7]{20}|\b(?:pass(?:word|wd)?|pwd|secret|token|api[_-]?key)\s*[=:]/i;

/** Whether nothing of a value may be shown: a password may hold commas, spaces and quotes, so no part of it is sure to be another. */
export const isTelling = (value: string): boolean => TELLING.test(value);

/** The value of one key or argument; of one that may hold a secret the scheme of its address alone is left. */
export function maskedValue(value: string): string {
  if (!isTelling(value)) return value;
  return `${/^[A-Za-z][A-Za-z0-9+.-]{0,20}:\/\//.exec(value)?.[0] ?? ""}${MASK}`;
}

/** Messages of the command line with its arguments in them, each masked as a whole. */
export function maskArguments(text: string, args: readonly string[]): string {
  // Of `--url=VALUE` the value alone is quoted.
  const values = args.flatMap((arg) => (arg.startsWith("--") ? [arg.slice(arg.indexOf("=") + 1)] : [arg]));
  const hidden = values.filter((value) => isTelling(value)).sort((a, b) => b.length - a.length);
  return maskSecrets(hidden.reduce((rest, arg) => rest.replaceAll(arg, () => maskedValue(arg)), text));
}
