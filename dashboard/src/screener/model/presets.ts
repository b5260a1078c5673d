/** Queries with a name, one press away. Each is an ordinary query, which a person can change and share. */
import type { Filter, Sort } from "./query.ts";
import { nearestWindow } from "./windows.ts";

type PresetQuery = { readonly filter?: Filter; readonly sort: readonly Sort[] };

export type Preset = {
  readonly id: string;
  readonly label: string;
  /** One sentence about the tokens that it finds. */
  readonly hint: string;
  /** Makes the query for a service; `near` returns the served window that is nearest to a length. */
  readonly make: (near: (window: string) => string) => PresetQuery;
};

const desc = (field: string, window: string): Sort => ({ field, window, order: "desc" });

export const presets: readonly Preset[] = [
  {
    id: "volume",
    label: "Most volume",
    hint: "Tokens with the most dollars traded in the last 24 hours.",
    make: (near) => ({ sort: [desc("volume_usd", near("24h"))] }),
  },
  {
    id: "active",
    label: "Active now",
    hint: "Tokens with the most dollars traded in the last 5 minutes.",
    make: (near) => ({ sort: [desc("volume_usd", near("5m"))] }),
  },
  {
    id: "gainers",
    label: "Gainers",
    hint: "Tokens whose price rose most in an hour, with at least $1,000 traded.",
    make: (near) => ({
      filter: {
        and: [
          { field: "price_change_pct", window: near("1h"), gt: 0 },
          { field: "volume_usd", window: near("1h"), gte: "1000" },
        ],
      },
      sort: [desc("price_change_pct", near("1h"))],
    }),
  },
  {
    id: "losers",
    label: "Losers",
    hint: "Tokens whose price fell most in an hour, with at least $1,000 traded.",
    make: (near) => ({
      filter: {
        and: [
          { field: "price_change_pct", window: near("1h"), lt: 0 },
          { field: "volume_usd", window: near("1h"), gte: "1000" },
        ],
      },
      sort: [{ field: "price_change_pct", window: near("1h"), order: "asc" }],
    }),
  },
  {
    id: "new-buyers",
    label: "New buyers",
    hint: "Tokens with more buys than in the hour before, by the number of different buyers.",
    make: (near) => ({
      filter: {
        and: [
          { field: "change.buys", window: near("1h"), gt: 0 },
          { field: "net_volume_usd", window: near("1h"), gt: "0" },
        ],
      },
      sort: [desc("buyers", near("1h")), desc("change.buys", near("1h"))],
    }),
  },
  {
    id: "unusual",
    label: "Unusual volume",
    hint: "Tokens with at least twice the volume of the 15 minutes before, which was $500 or more.",
    make: (near) => ({
      filter: {
        and: [
          { field: "change.volume_usd", window: near("15m"), gte: 100 },
          { field: "previous.volume_usd", window: near("15m"), gte: "500" },
        ],
      },
      sort: [desc("change.volume_usd", near("15m"))],
    }),
  },
  {
    id: "trades",
    label: "Most trades",
    hint: "Tokens with the most trades in an hour.",
    make: (near) => ({ sort: [desc("trades", near("1h")), desc("volume_usd", near("1h"))] }),
  },
  {
    id: "pressure",
    label: "Buy pressure",
    hint: "Tokens with the most dollars bought beyond those sold in 15 minutes.",
    make: (near) => ({
      filter: { field: "net_volume_usd", window: near("15m"), gt: "0" },
      sort: [desc("net_volume_usd", near("15m"))],
    }),
  },
  {
    id: "whales",
    label: "Large trades",
    hint: "Tokens with an average trade of at least $1,000 in an hour.",
    make: (near) => ({
      filter: { field: "avg_trade_usd", window: near("1h"), gte: "1000" },
      sort: [desc("avg_trade_usd", near("1h"))],
    }),
  },
  {
    id: "new",
    label: "New tokens",
    hint: "Tokens that the service saw last for the first time.",
    make: (near) => ({ sort: [{ field: "first_seen", order: "desc" }, desc("volume_usd", near("24h"))] }),
  },
];

export const DEFAULT_PRESET = presets[0] as Preset;

export const findPreset = (id: string): Preset | undefined => presets.find((preset) => preset.id === id);

/** Returns filter and sort of a preset at a service with these windows. */
export const presetQuery = (preset: Preset, windows: readonly string[]): PresetQuery =>
  preset.make((wanted) => nearestWindow(windows, wanted));
