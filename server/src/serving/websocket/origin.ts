/**
 * Which pages may connect. A browser sends the page's origin with every handshake and does not hold WebSockets to CORS, so
 * the server has to look. Programs that are not browsers send none, and no origin needs no permission.
 *
 * With `api.cors` empty only pages that this service itself served may connect: their origin names the host that the
 * handshake was sent to. The scheme is not compared, since a proxy in front may have taken TLS off.
 */
export function isOriginAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined) return true;
  if (allowed.includes("*") || allowed.includes(origin)) return true;
  const originHost = hostOf(origin);
  return originHost !== undefined && host !== undefined && originHost === host.toLowerCase();
}

/** Host and, where it is not the scheme's own, port; undefined for `null` and what is not an http origin. */
function hostOf(origin: string): string | undefined {
  if (!/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return undefined;
  return new URL(origin).host;
}
