import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { addressReader } from "../../../src/access/limits/client-address.ts";
import { propertyOptions } from "../../support/seed.ts";

const TRUSTED = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"];

function read(remoteAddress: string | undefined, forwarded?: string, trusted: readonly string[] = TRUSTED): string {
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  return addressReader(trusted)({ headers, socket: { remoteAddress } });
}

describe("the address of a client", () => {
  test("without trusted proxies the connection decides, whatever the field says", () => {
    assert.equal(read("203.0.113.9", "198.51.100.1", []), "203.0.113.9");
    assert.equal(read("203.0.113.9", "198.51.100.1"), "203.0.113.9", "not one of the proxies");
    assert.equal(read("10.1.2.3"), "10.1.2.3", "a proxy without the field");
  });

  test("a trusted proxy names its client at the end of the field", () => {
    assert.equal(read("10.1.2.3", "198.51.100.1"), "198.51.100.1");
    assert.equal(read("::ffff:10.1.2.3", "198.51.100.1"), "198.51.100.1", "IPv4 within IPv6");
    assert.equal(read("192.0.2.7", "198.51.100.1"), "198.51.100.1");
    assert.equal(read("192.0.2.8", "198.51.100.1"), "192.0.2.8");
    assert.equal(read("fd12::1", "198.51.100.1"), "198.51.100.1");
  });

  test("a forged field does not change the address: what the proxies added counts", () => {
    assert.equal(read("10.1.2.3", "1.1.1.1, 2.2.2.2, 198.51.100.1"), "198.51.100.1");
    assert.equal(read("10.1.2.3", "1.1.1.1, 198.51.100.1, 10.9.9.9"), "198.51.100.1", "two proxies in a row");
    assert.equal(read("10.1.2.3", "198.51.100.1, 10.9.9.9, 10.8.8.8"), "198.51.100.1");
    assert.equal(read("10.1.2.3", `${"10.0.0.1, ".repeat(5_000)}198.51.100.1`), "198.51.100.1");
  });

  test("a chain of proxies alone ends at its first member, or after sixteen", () => {
    assert.equal(read("10.1.2.3", "10.0.0.9, 10.0.0.8"), "10.0.0.9");
    const hops = Array.from({ length: 40 }, (_, i) => `10.0.1.${i}`);
    assert.equal(read("10.1.2.3", hops.join(", ")), "10.0.1.24");
  });

  test("what is no address is not taken", () => {
    for (const bad of [
      "",
      "unknown",
      "_hidden",
      "198.51.100.1, ",
      "1.2.3",
      "198.51.100.1:x",
      "[::1",
      "a b",
      "1.2.3.4.5",
    ]) {
      assert.equal(read("10.1.2.3", bad), "10.1.2.3", JSON.stringify(bad));
    }
    assert.equal(read("10.1.2.3", "junk, 198.51.100.1"), "198.51.100.1");
    assert.equal(read("10.1.2.3", "junk, 10.0.0.5"), "10.0.0.5");
    assert.equal(read(undefined, "198.51.100.1"), "unknown");
  });

  test("ports and brackets are left out, IPv6 counts by its /64, IPv4 within IPv6 as IPv4", () => {
    assert.equal(read("10.1.2.3", "198.51.100.1:4711"), "198.51.100.1");
    assert.equal(read("10.1.2.3", "[2001:db8:1:2:3:4:5:6]:4711"), "2001:db8:1:2::/64");
    assert.equal(read("10.1.2.3", "2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
    assert.equal(read("2001:db8:1:2:aaaa::7"), "2001:db8:1:2::/64");
    assert.equal(read("10.1.2.3", "::ffff:198.51.100.1"), "198.51.100.1");
    assert.equal(read("::ffff:198.51.100.1"), "198.51.100.1");
  });

  test("whatever a client writes before, its address stays", (t) => {
    const written = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.constant("10.0.0.1"));
    fc.assert(
      fc.property(fc.array(written, { maxLength: 8 }), (forged) => {
        assert.equal(read("10.1.2.3", [...forged, "198.51.100.1"].join(", ")), "198.51.100.1");
        assert.equal(read("10.1.2.3", [...forged, "198.51.100.1", "10.7.7.7"].join(",")), "198.51.100.1");
      }),
      propertyOptions(t, 500),
    );
  });
});
