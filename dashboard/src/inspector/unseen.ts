/** Characters that show as nothing, or that turn the text around them: a reader sees another text than there is. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u00a0]/gu;

/** Escapes them as in JSON. */
export const escapeUnseen = (text: string): string =>
  text.replaceAll(UNSEEN, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
