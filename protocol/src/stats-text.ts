/** An answer about a token as the text that readers get, over HTTP and in Redis alike. */

/** What the text is made of: the statistics of a token as its owner gave them. */
export type StatsAnswer = {
  readonly asOf: number;
  readonly watermark: number;
  readonly epoch: string;
  readonly rev: number;
  readonly lagMs: number;
  readonly stale: boolean;
  readonly chosen?: Chosen | undefined;
  /** JSON members from `id` on, without braces. */
  readonly body: string;
};
/** The token was chosen among so many at least. */
export type Chosen = { readonly by: "largest"; readonly of: number };

/** The text of `GET stats` for an answer. */
export function statsText(answer: StatsAnswer): string {
  return `{${headText(answer)},${answer.body}}`;
}

/** The members before the id. */
export function headText(answer: StatsAnswer): string {
  return `"as_of":${answer.asOf},"watermark":${answer.watermark},"epoch":"${answer.epoch}","rev":${answer.rev},"lag_ms":${answer.lagMs}${staleText(answer.stale)}${chosenText(answer.chosen)}`;
}

/** The member is there only where a name stands for several tokens. */
export const chosenText = (chosen: Chosen | undefined): string =>
  chosen === undefined ? "" : `,"chosen":{"by":"${chosen.by}","of":${chosen.of}}`;

/** The member is there only where it is true. */
export const staleText = (stale: boolean): string => (stale ? ',"stale":true' : "");
