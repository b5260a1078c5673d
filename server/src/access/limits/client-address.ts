/**
 * The address of a client. A proxy adds the address of its own client at the end of `X-Forwarded-For`. Therefore the field is read from its
 * end, for as long as the sender is a trusted proxy. What stands before that is whatever the client wrote, and is ignored.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { clientOf } from "../../shared/client-address.ts";
import type { Sender } from "../identity.ts";

/** Proxies in a row. A longer chain is taken for its last known member. */
const HOPS_MAX = 16;
/** Characters of the field that are read, from its end. */
const FIELD_CHARS_MAX = 1_024;

type AddressOf = (sender: Sender) => string;

/** Returns the function that finds the address: IPv4 as it is, IPv6 as its /64. `trusted`: addresses and subnets of proxies. */
export function addressReader(trusted: readonly string[]): AddressOf {
  if (trusted.length === 0) return ({ socket }) => clientOf(socket.remoteAddress);
  const proxies = new BlockList();
  for (const subnet of trusted) {
    const [address = "", bits] = subnet.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    proxies.addSubnet(address, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  }
  const isProxy = (address: string): boolean => proxies.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  return ({ headers, socket }) => {
    const field = headers["x-forwarded-for"];
    const { remoteAddress } = socket;
    // Node joins the fields of a repeated name with commas.
    if (remoteAddress === undefined || typeof field !== "string") return clientOf(remoteAddress);
    return clientOf(behindProxies(plain(remoteAddress), field, isProxy));
  };
}

function behindProxies(direct: string, field: string, isProxy: (address: string) => boolean): string {
  const hops = field.slice(-FIELD_CHARS_MAX).split(",");
  let address = direct;
  for (let i = hops.length - 1; i >= 0 && hops.length - i <= HOPS_MAX; i -= 1) {
    if (!isAddress(address) || !isProxy(address)) return address;
    const named = plain((hops[i] as string).trim());
    // A proxy that names its client in another way than by an address is taken for the client.
    if (!isAddress(named)) return address;
    address = named;
  }
  return address;
}

const isAddress = (text: string): boolean => isIPv4(text) || isIPv6(text);

/** Returns an address without port, brackets, and the form of IPv4 within IPv6. Some proxies add their client's port. */
function plain(text: string): string {
  const inner =
    /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text)?.[1] ?? text;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(inner)?.[1] ?? inner;
}
