/** The pools of a feeder as it uses them: tokens, decimals, and the way to dollars. */
import type { PoolVersion } from "./swap-logs.ts";

export type Token = { readonly address: string; readonly symbol: string | undefined; readonly decimals: number };

export type Pool = {
  readonly address: string;
  readonly version: PoolVersion;
  readonly tokens: readonly [Token, Token];
  /** Index of the token whose amount gives the dollars. */
  readonly leg: 0 | 1;
  /** Pool with a dollar token that prices the leg. Undefined: the leg is a dollar. */
  readonly through: Pool | undefined;
  /** Indexes of the tokens whose swaps are reported. */
  readonly reported: readonly (0 | 1)[];
};
