/**
 * Exact decimal sums and their texts. Token amounts are integers of 10^-18 in limbs of base 10^15, least significant first;
 * dollars are integers of 10^-6 in two such limbs. Decimal limbs are chosen over binary ones because parsing and printing then
 * need no division, and adding needs one comparison per limb.
 */

export const LIMB = 1e15;
const LIMB_INTEGER = 10n ** 15n;

/** Digits of an unsigned integer in limbs, without leading zeros ("" for zero). */
function digits(limbs: readonly number[]): string {
  let text = "";
  for (let i = limbs.length - 1; i >= 0; i--) {
    if (text === "") text = limbs[i] === 0 ? "" : String(limbs[i]);
    else text += String(limbs[i]).padStart(15, "0");
  }
  return text;
}

/** Formats an integer of 10^-places as decimal text without an exponent and without trailing zeros. */
export function scaledText(integerDigits: string, places: number): string {
  if (integerDigits === "") return "0";
  const padded = integerDigits.length > places ? integerDigits : integerDigits.padStart(places + 1, "0");
  const whole = padded.slice(0, padded.length - places);
  let end = padded.length;
  while (end > padded.length - places && padded.charCodeAt(end - 1) === 48) end -= 1;
  const fraction = padded.slice(padded.length - places, end);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** The decimal as an integer of 10^-places; further places are cut off. */
export function scaledInteger(text: string, places: number): bigint {
  const point = text.indexOf(".");
  if (point === -1) return BigInt(text) * 10n ** BigInt(places);
  const fraction = text.slice(point + 1, point + 1 + places).padEnd(places, "0");
  return BigInt(text.slice(0, point) + fraction);
}

/** An exact sum of up to 2^53 x 10^45 that only grows. Limbs stay normalised: each but the highest is below 10^15. */
export class ExactSum {
  l0 = 0;
  l1 = 0;
  l2 = 0;
  l3 = 0;

  clear(): void {
    this.l0 = 0;
    this.l1 = 0;
    this.l2 = 0;
    this.l3 = 0;
  }

  /** Adds limbs: l0 and l1 below 10^15, l2 below 2^53 - 10^15. */
  add(l0: number, l1: number, l2: number): void {
    let a = this.l0 + l0;
    let b = this.l1 + l1;
    if (a >= LIMB) {
      a -= LIMB;
      b += 1;
    }
    let carry = 0;
    if (b >= LIMB) {
      b -= LIMB;
      carry = 1;
    }
    this.l0 = a;
    this.l1 = b;
    let c = this.l2 + (l2 >= LIMB ? l2 % LIMB : l2) + carry;
    if (l2 >= LIMB) this.l3 += Math.floor(l2 / LIMB);
    if (c >= LIMB) {
      c -= LIMB;
      this.l3 += 1;
    }
    this.l2 = c;
  }

  addSum(other: ExactSum): void {
    this.add(other.l0, other.l1, other.l2);
    this.l3 += other.l3;
  }

  /** Adds an integer that is not negative. */
  addInteger(value: bigint): void {
    this.add(Number(value % LIMB_INTEGER), Number((value / LIMB_INTEGER) % LIMB_INTEGER), 0);
    const high = value / LIMB_INTEGER ** 2n;
    if (high === 0n) return;
    this.add(0, 0, Number(high % LIMB_INTEGER));
    this.l3 += Number(high / LIMB_INTEGER);
  }

  text(places: number): string {
    return scaledText(digits([this.l0, this.l1, this.l2, this.l3]), places);
  }

  toBigInt(): bigint {
    return BigInt(digits([this.l0, this.l1, this.l2, this.l3]) || "0");
  }
}

/** a - b as decimal text of 10^-places; may be negative. */
export function differenceText(a: ExactSum, b: ExactSum, places: number): string {
  const d = a.toBigInt() - b.toBigInt();
  return d < 0n ? `-${scaledText(String(-d), places)}` : scaledText(d === 0n ? "" : String(d), places);
}

/** A positive double of at most 15 significant digits, as plain decimal text. */
export function priceText(price: number): string {
  const text = price.toPrecision(15);
  const e = text.indexOf("e");
  if (e < 0) return stripZeros(text);
  const exponent = Number(text.slice(e + 1));
  const mantissa = text.slice(0, e).replace(".", "");
  if (exponent >= 0) return mantissa.padEnd(exponent + 1, "0");
  return stripZeros(`0.${"0".repeat(-exponent - 1)}${mantissa}`);
}

function stripZeros(text: string): string {
  if (!text.includes(".")) return text;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end -= 1;
  if (text.charCodeAt(end - 1) === 46) end -= 1;
  return text.slice(0, end);
}

type Rational = { readonly digits: bigint; readonly places: number };

function parse(text: string): Rational {
  const point = text.indexOf(".");
  if (point < 0) return { digits: BigInt(text), places: 0 };
  return { digits: BigInt(text.slice(0, point) + text.slice(point + 1)), places: text.length - point - 1 };
}

/** round(numerator / denominator), half to even; denominator > 0. */
export function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n;
  const n = negative ? -numerator : numerator;
  let q = n / denominator;
  const twice = (n % denominator) * 2n;
  if (twice > denominator || (twice === denominator && q % 2n === 1n)) q += 1n;
  return negative ? -q : q;
}

function signedText(value: bigint, places: number): string {
  if (value === 0n) return "0";
  return value < 0n ? `-${scaledText(String(-value), places)}` : scaledText(String(value), places);
}

/** close - open of two served prices, to 15 significant digits. */
export function priceChangeText(open: string, close: string): string {
  const a = parse(open);
  const b = parse(close);
  const places = Math.max(a.places, b.places);
  const d = b.digits * 10n ** BigInt(places - b.places) - a.digits * 10n ** BigInt(places - a.places);
  const size = String(d < 0n ? -d : d).length;
  if (size <= 15) return signedText(d, places);
  const unit = 10n ** BigInt(size - 15);
  return signedText(divideHalfEven(d, unit) * unit, places);
}

/** (close - open) / open x 100 of two served prices, to 6 places. */
export function priceChangePercentText(open: string, close: string): string {
  const a = parse(open);
  const b = parse(close);
  const places = Math.max(a.places, b.places);
  const o = a.digits * 10n ** BigInt(places - a.places);
  const c = b.digits * 10n ** BigInt(places - b.places);
  return signedText(divideHalfEven((c - o) * 100_000_000n, o), 6);
}

/** volume_usd (micro-dollars) / volume_token (10^-18), to 15 significant digits; both positive or usd zero. */
export function vwapText(usd: ExactSum, token: ExactSum): string {
  const numerator = usd.toBigInt() * 10n ** 12n;
  const denominator = token.toBigInt();
  if (numerator === 0n) return "0";
  const guess = String(numerator).length - String(denominator).length;
  // First a quotient of 15 or 16 digits, then one of exactly 15.
  let places = 15 - guess;
  let q = divideHalfEven(
    places >= 0 ? numerator * 10n ** BigInt(places) : numerator,
    places >= 0 ? denominator : denominator * 10n ** BigInt(-places),
  );
  while (String(q).length > 15) {
    places -= 1;
    q = divideHalfEven(
      places >= 0 ? numerator * 10n ** BigInt(places) : numerator,
      places >= 0 ? denominator : denominator * 10n ** BigInt(-places),
    );
  }
  return places >= 0 ? scaledText(String(q), places) : String(q * 10n ** BigInt(-places));
}
