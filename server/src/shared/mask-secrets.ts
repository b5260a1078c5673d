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
