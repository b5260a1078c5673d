/**
 * Decides which pages may connect. A browser sends the page's origin with every handshake and does not apply CORS to WebSockets, so
 * the server has to check. Programs that are not browsers send no origin, and need no permission.
 *
 * With `api.cors` empty only pages that this service itself served may connect: their origin equals the Host header of the
 * handshake. The scheme is not compared, because a proxy in front may have terminated TLS.
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

/** Returns the host and, unless it is the scheme's default, the port; undefined for `null` and for anything but an http origin. */
function hostOf(origin: string): string | undefined {
  if (!/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return undefined;
  return new URL(origin).host;
}
