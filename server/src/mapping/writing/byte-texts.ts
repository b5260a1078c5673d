/** Few texts, found by their bytes. */
export class ByteTexts<T> {
  readonly #entries: readonly { readonly bytes: Uint8Array; readonly value: T }[];
  /** Length of the longest text in bytes. */
  readonly lengthMax: number;

  constructor(entries: Iterable<readonly [string, T]>) {
    this.#entries = Array.from(entries, ([text, value]) => ({ bytes: new TextEncoder().encode(text), value }));
    this.lengthMax = Math.max(0, ...this.#entries.map(({ bytes }) => bytes.length));
  }

  get(bytes: Uint8Array, start: number, end: number): T | undefined {
    if (end - start > this.lengthMax) return undefined;
    for (const entry of this.#entries) if (isText(entry.bytes, bytes, start, end)) return entry.value;
    return undefined;
  }
}

function isText(text: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false;
  return true;
}
