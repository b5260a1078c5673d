/**
 * The updates of one feed between instances: a numbered stream of whole data and of differences. The difference of a token is its merge patch, and the
 * difference of a ranking consists of the texts of new and changed rows. The reader keeps texts. It parses them only for the whole data of a
 * token that arrived as patches.
 */
import type { Json } from "@swapstats/protocol/json.ts";
import { applyMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { dataText, type FeedUpdate, type RankedRow } from "../bus/responses.ts";
import type { Format, RowItem, UpdateItem } from "./protocol.ts";

/** Number of patches after which the whole data of a token is computed from them. */
const PATCHES_MAX = 32;

export class FeedWriter {
  #seq = 0;
  /** Texts of the rows that were sent last, by id. */
  #sent: ReadonlyMap<string, string> = new Map();

  /** The newest assigned number. */
  get seq(): number {
    return this.#seq;
  }

  item(topicId: number, update: FeedUpdate, format: Format): UpdateItem {
    this.#seq += 1;
    const { epoch, rev, asOf, watermark, lagMs, parts, rows } = update;
    const standing = { epoch, rev, asOf, ...(watermark === undefined ? {} : { watermark }), lagMs };
    const content = rows !== undefined && format > 1 ? { rows: this.#changed(rows) } : wholeOrPatch(update);
    return { topicId, seq: this.#seq, ...standing, ...content, parts };
  }

  #changed(rows: readonly RankedRow[]): RowItem[] {
    const before = this.#sent;
    this.#sent = new Map(rows.map(({ key, json }) => [key.id, json]));
    return rows.map((row) => {
      const { key, partition } = row;
      return before.get(key.id) === row.json ? { key, partition } : row;
    });
  }
}

/** Returns the patch of an update, or its whole data if there is none. A patch has a tenth of the data on average. */
function wholeOrPatch(update: FeedUpdate): Pick<UpdateItem, "data" | "patch" | "prevRev" | "keys" | "log"> {
  const { patch, prevRev, rows, log, data } = update;
  if (log !== undefined) return data === undefined ? { log } : { data, log };
  const content = patch === undefined || prevRev === undefined ? { data: dataText(update) } : { patch, prevRev };
  if (rows === undefined) return content;
  return { ...content, keys: rows.map(({ key, partition }) => ({ ...key, partition })) };
}

export class FeedReader {
  /** Newest received number; 0 before the first. */
  #seq = 0;
  #rev = 0;
  #data: DataText | undefined;
  /** Texts of rows by id. */
  #rows: ReadonlyMap<string, string> = new Map();

  get seq(): number {
    return this.#seq;
  }

  /** Returns the update, or undefined if an earlier item is missing. */
  take(item: UpdateItem): FeedUpdate | undefined {
    const isNext = item.seq === this.#seq + 1;
    const update = item.rows === undefined ? this.#takeData(item, isNext) : this.#takeRows(item, item.rows);
    if (update === undefined) return undefined;
    this.#seq = item.seq;
    this.#rev = item.rev;
    return update;
  }

  #takeRows(item: UpdateItem, rows: readonly RowItem[]): FeedUpdate | undefined {
    const known = this.#rows;
    const whole: RankedRow[] = [];
    for (const { key, partition, json = known.get(key.id) } of rows) {
      if (json === undefined) return undefined;
      whole.push({ key, partition, json });
    }
    // A row without a text is unchanged. If the previous update was lost, it may differ.
    if (item.seq !== this.#seq + 1 && rows.some(({ json }) => json === undefined)) return undefined;
    this.#rows = new Map(whole.map(({ key, json }) => [key.id, json]));
    return updateOf(item, undefined, whole);
  }

  #takeData(item: UpdateItem, isNext: boolean): FeedUpdate | undefined {
    const { data, patch, prevRev, keys, log } = item;
    if (log !== undefined) {
      if (!isNext && data === undefined) return undefined;
      return updateOf(item, data === undefined ? undefined : new DataText(data), undefined);
    }
    if (data !== undefined) this.#data = new DataText(data);
    else if (isNext && patch !== undefined && this.#data !== undefined && prevRev === this.#rev) {
      this.#data = this.#data.patched(patch);
    } else return undefined;
    if (keys === undefined) return updateOf(item, this.#data, undefined);
    // Format 1 has the rows in one text.
    const { rows } = JSON.parse(this.#data.text) as { rows: Record<string, Json> };
    const ranked = keys.map(({ value, id, partition }) => ({
      ...{ key: { value, id }, partition, json: JSON.stringify(rows[id]) },
    }));
    return updateOf(item, undefined, ranked);
  }
}

function updateOf(item: UpdateItem, data: DataText | undefined, rows: readonly RankedRow[] | undefined): FeedUpdate {
  const { epoch, rev, asOf, watermark, lagMs, parts, log } = item;
  const isPatch = item.patch !== undefined;
  return {
    ...{ epoch, rev, asOf, watermark, lagMs, parts, rows, log },
    prevRev: isPatch ? item.prevRev : undefined,
    patch: rows === undefined ? item.patch : undefined,
    get data(): string | undefined {
      return data?.text;
    },
  };
}

/** A JSON text, or an earlier text with the patches that lead to it. */
class DataText {
  #base: string;
  #patches: readonly string[];

  constructor(base: string, patches: readonly string[] = []) {
    this.#base = base;
    this.#patches = patches;
  }

  patched(patch: string): DataText {
    if (this.#patches.length >= PATCHES_MAX) return new DataText(this.text, [patch]);
    return new DataText(this.#base, [...this.#patches, patch]);
  }

  get text(): string {
    if (this.#patches.length > 0) {
      const value = this.#patches.reduce<Json>(
        (before, patch) => applyMergePatch(before, JSON.parse(patch) as Json),
        JSON.parse(this.#base) as Json,
      );
      this.#base = JSON.stringify(value);
      this.#patches = [];
    }
    return this.#base;
  }
}
