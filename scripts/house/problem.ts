/** One violation of a house rule. */
export type Problem = { readonly file: string; readonly line: number; readonly message: string };

/** Texts of the repository's files by path, relative to its root, with forward slashes. */
export type Files = ReadonlyMap<string, string>;
