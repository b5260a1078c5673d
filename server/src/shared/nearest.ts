/** Finds the name that a text probably means, for messages such as "did you mean". */

/** Longer texts are not typing errors. The limit also bounds the cost of a comparison. */
export const NEAREST_CHARS_MAX = 128;
/** Shorter texts are part of too many names. */
const PART_CHARS_MIN = 4;

/**
 * Returns the name that differs only in case and punctuation, or that is the same time in another unit. Otherwise returns the nearest name
 * by edit distance: at most a fifth of the text or 2, and less than half of the name. Otherwise returns the first name that contains the
 * text or is contained in it.
 */
export function nearestName(text: string, names: readonly string[]): string | undefined {
  if (text === "" || text.length > NEAREST_CHARS_MAX) return undefined;
  const plain = plainOf(text);
  const lengthMs = durationMs(text);
  const same = names.find(
    (name) => plainOf(name) === plain || (lengthMs !== undefined && durationMs(name) === lengthMs),
  );
  if (same !== undefined) return same;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(text.length / 5)) + 1;
  for (const name of names) {
    // Two different times never stand for each other.
    if (lengthMs !== undefined && durationMs(name) !== undefined) continue;
    if (Math.abs(name.length - text.length) >= bestDistance) continue;
    const distance = editDistance(text, name);
    if (distance < bestDistance && distance * 2 < name.length) [best, bestDistance] = [name, distance];
  }
  if (best !== undefined || plain.length < PART_CHARS_MIN) return best;
  return names.find((name) => {
    const other = plainOf(name);
    return other.includes(plain) || (other.length >= PART_CHARS_MIN && plain.includes(other));
  });
}

/** Returns ` (did you mean X?)`, or an empty text. */
export function didYouMean(text: string, names: readonly string[]): string {
  const name = nearestName(text, names);
  return name === undefined ? "" : ` (did you mean ${name}?)`;
}

const plainOf = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function durationMs(text: string): number | undefined {
  const match = /^(\d{1,9})([smhd])$/i.exec(text);
  return match === null ? undefined : Number(match[1]) * (UNIT_MS[(match[2] as string).toLowerCase()] as number);
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
