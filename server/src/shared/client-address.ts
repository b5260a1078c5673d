/** Identifies the client of a connection for limits that are kept per client. */
import { isIPv6 } from "node:net";

/** Returns an IPv4 address unchanged, and the first 64 bits of an IPv6 address, because one client can choose all lower bits. */
export function clientOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return "unknown";
  // Most addresses are IPv4, and the full check of an address takes a measurable part of the time of the fastest responses.
  if (!remoteAddress.includes(":") || !isIPv6(remoteAddress)) return remoteAddress;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remoteAddress);
  if (mapped !== null) return mapped[1] as string;
  const [address = ""] = remoteAddress.split("%", 1);
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    while (groups.length + after.length < 8) groups.push("0");
    groups.push(...after);
  }
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(":")}::/64`;
}
