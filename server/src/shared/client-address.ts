/** Whom a connection counts for, where clients share something. */
import { isIPv6 } from "node:net";

/** An IPv4 address as it is; of an IPv6 address the first 64 bits, because a single client has all the others to choose from. */
export function clientOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return "unknown";
  if (!isIPv6(remoteAddress)) return remoteAddress;
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
