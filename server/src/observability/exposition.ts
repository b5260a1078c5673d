/** Writes metrics in the text format of Prometheus, version 0.0.4. */
import type { HistogramNumbers } from "./plain-histogram.ts";

export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

/** `suffix` is that of a line of a histogram, such as `_bucket`. */
type Sample = { readonly labels: Labels; readonly value: number; readonly suffix?: string };

/** One metric; its name comes without the prefix of the service. */
export type Family = {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
};

/** A metric whose one value follows from a report. */
export type Row<T> = {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly pick: (report: T) => number;
};

/** Returns a metric with one sample and no labels. */
export function single(name: string, type: "counter" | "gauge", help: string, value: number): Family {
  return { name, type, help, samples: [{ labels: {}, value }] };
}

/** Returns a metric with one sample for each value of a label. */
export function byLabel(
  name: string,
  type: "counter" | "gauge",
  help: string,
  label: string,
  values: Iterable<readonly [string, number]>,
): Family {
  return { name, type, help, samples: Array.from(values, ([key, value]) => ({ labels: { [label]: key }, value })) };
}

/** Returns a histogram with one series for each set of labels; without numbers a set has no series. */
export function histogram(
  name: string,
  help: string,
  series: readonly { readonly labels: Labels; readonly numbers: HistogramNumbers | undefined }[],
): Family {
  const samples = series.flatMap(({ labels, numbers }) => (numbers === undefined ? [] : samplesOf(labels, numbers)));
  return { name, type: "histogram", help, samples };
}

function samplesOf(labels: Labels, { bounds, counts, sum }: HistogramNumbers): Sample[] {
  let total = 0;
  const buckets = counts.map((count, i) => {
    total += count;
    const le = i < bounds.length ? String(bounds[i]) : "+Inf";
    return { labels: { ...labels, le }, value: total, suffix: "_bucket" };
  });
  return [...buckets, { labels, value: sum, suffix: "_sum" }, { labels, value: total, suffix: "_count" }];
}

/** Metrics are separated by an empty line. */
export function expositionText(prefix: string, families: readonly Family[]): string {
  return `${families.map((family) => familyText(prefix + family.name, family)).join("\n\n")}\n`;
}

function familyText(name: string, { type, help, samples }: Family): string {
  const head = [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`];
  const lines = samples.map(
    ({ labels, value, suffix = "" }) => `${name}${suffix}${labelText(labels)} ${valueText(value)}`,
  );
  return [...head, ...lines].join("\n");
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value).replaceAll('"', '\\"')}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
