/** A text of each token by the index of the views, as it is and in lower case. */

/** Estimate for a text and its form in lower case. */
const BYTES_PER_TEXT = 120;

export class TextColumn {
  readonly texts: (string | undefined)[] = [];
  readonly folded: (string | undefined)[] = [];

  get bytes(): number {
    return this.texts.length * BYTES_PER_TEXT;
  }

  store(index: number, text: string | undefined): void {
    if (this.texts[index] === text) return;
    this.texts[index] = text;
    const folded = text?.toLowerCase();
    // Most tokens are in lower case, and one copy is enough.
    this.folded[index] = folded === text ? text : folded;
  }

  /** Makes room for so many tokens. */
  reserve(count: number): void {
    while (this.texts.length < count) {
      this.texts.push(undefined);
      this.folded.push(undefined);
    }
  }
}
