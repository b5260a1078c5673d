/** Makes the text of a response about a token, for HTTP and for Redis. */

/** The statistics of a token, as its owner gave them. */
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
/** The token was chosen among at least so many. */
export type Chosen = { readonly by: "largest"; readonly of: number };

/** Returns the body of `GET stats`. */
export function statsText(answer: StatsAnswer): string {
  return `{${headText(answer)},${answer.body}}`;
}

/** Returns the members in front of the id. */
export function headText(answer: StatsAnswer): string {
  return `"as_of":${answer.asOf},"watermark":${answer.watermark},"epoch":"${answer.epoch}","rev":${answer.rev},"lag_ms":${answer.lagMs}${staleText(answer.stale)}${chosenText(answer.chosen)}`;
}

/** Returns the member, which exists only if the name stands for several tokens. */
export const chosenText = (chosen: Chosen | undefined): string =>
  chosen === undefined ? "" : `,"chosen":{"by":"${chosen.by}","of":${chosen.of}}`;

/** Returns the member, which exists only if it is true. */
export const staleText = (stale: boolean): string => (stale ? ',"stale":true' : "");
