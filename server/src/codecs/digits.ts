/**
 * Reads the decimal digits at the beginning of the 4 bytes at p, all at once: their number (0 to 4) times 2^16, plus
 * their value. The bytes are taken as four small integers in one word, little end first, and pairs of them are summed.
 */
export function fourDigits(view: DataView, p: number): number {
  const t = view.getInt32(p, true) ^ 0x30303030;
  // A byte is 0 to 9 if neither it nor it plus 0x76 reaches 0x80.
  const stop = (t | (t + 0x76767676)) & -0x7f7f7f80;
  if (stop === 0) return 0x40000 | valueOf(t);
  const count = (31 - Math.clz32(stop & -stop)) >> 3;
  // Moved up, the digits have zeros before them.
  return count === 0 ? 0 : (count << 16) | valueOf(t << (32 - 8 * count));
}

function valueOf(digits: number): number {
  const pairs = (digits * 10 + (digits >>> 8)) & 0xff00ff;
  return (pairs & 0xff) * 100 + (pairs >>> 16);
}
