/** An answer about a token as the text that readers get, over HTTP and in Redis alike. */
import type { Chosen, TokenAnswer } from "../ports/stats-bus.ts";

type StatsAnswer = Extract<TokenAnswer, { kind: "stats" }>;

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
