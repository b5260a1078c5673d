/** Writers of ASCII into bytes. Each takes the position to write at and returns the position behind its text. */

const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const ZERO = 48;
const POINT = 46;
const BILLION = 1_000_000_000;

export function writeAscii(target: Uint8Array, at: number, text: Uint8Array): number {
  target.set(text, at);
  return at + text.length;
}

/** Writes eight hex digits of a 32-bit integer. */
export function writeHex32(target: Uint8Array, at: number, word: number): number {
  for (let shift = 28; shift >= 0; shift -= 4) target[at++] = HEX[(word >>> shift) & 15] as number;
  return at;
}

/** Writes exactly `digits` (to 9) decimal digits of an integer below 10^digits. */
export function writeDigits(target: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value | 0;
  for (let place = at + digits - 1; place >= at; place--) {
    const next = (rest / 10) | 0;
    target[place] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + digits;
}

/** Writes an integer from 0, below 10^18 (exact to 2^53), without leading zeros. */
export function writeInteger(target: Uint8Array, at: number, value: number): number {
  if (value >= BILLION) {
    const high = Math.floor(value / BILLION);
    return writeDigits(target, writeInteger(target, at, high), value - high * BILLION, 9);
  }
  let digits = 1;
  for (let limit = 10; value >= limit && digits < 9; limit *= 10) digits++;
  return writeDigits(target, at, value, digits);
}

/** Writes mantissa / 10^scale with all its places; the mantissa is an integer below 2^53, the scale is 1 to 24. */
export function writeScaled(target: Uint8Array, at: number, mantissa: number, scale: number): number {
  const highPlaces = Math.max(scale - 9, 0);
  const highUnit = 10 ** Math.min(scale, 9);
  // Two steps: no power above 10^22 (the last exact double) is needed, and each part fits 32 bits.
  const low = mantissa % highUnit;
  const high = Math.floor(mantissa / highUnit);
  const whole = highPlaces === 0 ? high : Math.floor(high / 10 ** highPlaces);
  at = writeInteger(target, at, whole);
  target[at++] = POINT;
  if (highPlaces > 0) at = writePadded(target, at, high - whole * 10 ** highPlaces, highPlaces);
  return writeDigits(target, at, low, Math.min(scale, 9));
}

function writePadded(target: Uint8Array, at: number, value: number, digits: number): number {
  if (digits <= 9) return writeDigits(target, at, value, digits);
  const high = Math.floor(value / BILLION);
  return writeDigits(target, writePadded(target, at, high, digits - 9), value - high * BILLION, 9);
}
