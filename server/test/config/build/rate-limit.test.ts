import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RATE_LIMIT_DEFAULTS, type SenderLimits } from "../../../src/config/build/rate-limit.ts";
import { CONFIG_KEYS } from "../../../src/config/keys.ts";
import { defaultConfig } from "../../../src/config/load.ts";
import { fromEnv, problemsOf } from "../loading.ts";

describe("rate limits", () => {
  test("off unless a key is given; the others then have the values that the documentation names", () => {
    const { byJwt, byIp, trustedProxies, onFailure, ipOf } = defaultConfig().rateLimit;
    assert.deepEqual([byJwt, byIp, trustedProxies, onFailure, ipOf], [undefined, undefined, [], "local", "anonymous"]);
    const { rateLimit } = fromEnv({ SWAPSTATS_RATE_LIMIT_BY_IP_CONNECTS_BURST: "7" });
    assert.equal(rateLimit.byJwt, undefined);
    const expected = RATE_LIMIT_DEFAULTS.byIp;
    assert.deepEqual(rateLimit.byIp, { ...expected, connects: { ...expected.connects, burst: 7 } });
    for (const [field, path] of [
      ["byJwt", "by_jwt"],
      ["byIp", "by_ip"],
    ] as const) {
      for (const [kind, { refillPerSec, burst }] of Object.entries(RATE_LIMIT_DEFAULTS[field])) {
        const head = `rate_limit.${path}${kind === "requests" ? "" : `.${kind as keyof SenderLimits}`}`;
        for (const [name, value] of [
          ["refill_per_sec", refillPerSec],
          ["burst", burst],
        ] as const) {
          const spec = CONFIG_KEYS.find((one) => one.path === `${head}.${name}`);
          assert.match(spec?.meaning ?? "", new RegExp(`Not set: ${value}\\.$`), `${head}.${name}`);
        }
      }
    }
  });

  test("trusted proxies are addresses and subnets", () => {
    const name = "SWAPSTATS_RATE_LIMIT_TRUSTED_PROXIES";
    const proxies = fromEnv({ [name]: "10.0.0.0/8, 192.0.2.7,fd00::/8, ::1,10.0.0.0/8" }).rateLimit.trustedProxies;
    assert.deepEqual(proxies, ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1"]);
    for (const bad of [
      "proxy.example.com",
      "10.0.0.0/33",
      "10.0.0/8",
      "::1/129",
      "10.0.0.0/8/8",
      "fe80::1%eth0",
      "10.0.0.1:80",
    ]) {
      assert.match(
        problemsOf({ env: { [name]: bad } }).join(),
        /is not an address; write one such as 10\.0\.0\.5/,
        bad,
      );
    }
    const many = Array.from({ length: 65 }, (_, i) => `10.0.0.${i}`).join(",");
    assert.match(problemsOf({ env: { [name]: many } }).join(), /lists 65 addresses; give at most 64/);
  });

  test("a refill of nothing, and a burst of parts, are refused", () => {
    for (const [key, value] of [
      ["REFILL_PER_SEC", "0"],
      ["BURST", "0"],
      ["BURST", "1.5"],
    ] as const) {
      assert.equal(problemsOf({ env: { [`SWAPSTATS_RATE_LIMIT_BY_IP_${key}`]: value } }).length, 1, `${key} ${value}`);
    }
  });
});
