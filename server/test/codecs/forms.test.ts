import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { codeOf, decodeBoth, eventOf, type PlainEvent } from "./decoding.ts";

const folder = new URL("../fixtures/vectors/", import.meta.url);

type Form = { json: string; accept: boolean; why: string; want?: Record<string, unknown> };

const forms = JSON.parse(readFileSync(new URL("forms.json", folder), "utf8")) as Form[];

/** An integer in units of 10^-places as decimal text without trailing zeros. */
function decimalText(units: bigint, places: number): string {
  const digits = units.toString().padStart(places + 1, "0");
  const whole = digits.slice(0, -places);
  const fraction = digits.slice(-places).replace(/0+$/, "");
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

function amountOf(event: PlainEvent): bigint {
  return (
    (BigInt(event["amount2"] as number) * 10n ** 15n + BigInt(event["amount1"] as number)) * 10n ** 15n +
    BigInt(event["amount0"] as number)
  );
}

function priceOf(event: PlainEvent): number | null {
  const given = event["priceUsd"] as number;
  if (!Number.isNaN(given)) return given;
  return event["usdMicro"] === 0 ? null : (event["usdMicro"] as number) / 1e6 / (Number(amountOf(event)) / 1e18);
}

function meaningOf(event: PlainEvent): Record<string, unknown> {
  return {
    token_id: `${event["chainId"]}:${event["token"]}`,
    event_id: event["eventId"] ?? `${event["chainId"]}:${event["txHash"]}:${event["logIndex"]}`,
    symbol: event["symbol"] ?? null,
    side: event["isBuy"] ? "buy" : "sell",
    amount_usd: decimalText(BigInt(event["usdMicro"] as number), 6),
    amount_token: decimalText(amountOf(event), 18),
    event_time: event["eventTimeMs"],
    price: priceOf(event),
  };
}

describe("forms of single events", () => {
  for (const { json, accept, why, want } of forms) {
    test(`${accept ? "accepted" : "refused"}: ${why}`, () => {
      if (!accept) {
        assert.notEqual(codeOf(json), undefined);
        return;
      }
      const meaning = meaningOf(eventOf(json));
      for (const [name, value] of Object.entries(want ?? {})) {
        const expected = name === "price" && value !== null ? Number(value) : value;
        assert.equal(meaning[name], expected, name);
      }
    });
  }
});

describe("both decoders agree on every line of the vectors", () => {
  for (const name of ["dense", "hours", "day", "edges"]) {
    test(name, () => {
      const codes = new Set<string>();
      for (const line of readFileSync(new URL(`${name}.ndjson`, folder), "utf8").split("\n")) {
        if (line === "") continue;
        const decoded = decodeBoth(line);
        if ("code" in decoded) codes.add(decoded.code);
      }
      assert.deepEqual([...codes].sort(), name === "edges" ? ["malformed_json", "time_in_seconds"] : []);
    });
  }
});
