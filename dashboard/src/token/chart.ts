/** The chart of bars with volume. A page loads this file, and with it the library, when it first shows a chart. */
import {
  type CandlestickData,
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  createChart,
  createSeriesMarkers,
  type HistogramData,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  LineStyle,
  TickMarkType,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from "lightweight-charts";
import { formatPrice, formatUsd } from "../format/figures.ts";
import { type Bar, type BarCorrection, changedBars, drawingExponent } from "./candle-bars.ts";

/** Colours of the theme, as CSS writes them. */
export type ChartColors = {
  readonly surface: string;
  readonly text: string;
  readonly grid: string;
  readonly line: string;
  readonly up: string;
  readonly down: string;
  readonly mark: string;
  /** Ground of bars that may lack swaps. */
  readonly gap: string;
};

/** What is in sight. `start`: the first bar is `seen`, `near`, or neither. */
export type ChartSight = { readonly isPast: boolean; readonly start: "seen" | "near" | "far" };

type Drawn = CandlestickData<Time> | WhitespaceData<Time>;
type DrawnVolume = HistogramData<Time> | WhitespaceData<Time>;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** Bars of free space after the newest one. */
const RIGHT_OFFSET = 4;
/** Part of the height that the volume takes. */
const VOLUME_TOP = 0.82;
const PRICE_BOTTOM = 0.22;
const ALPHA_VOLUME = "55";
/** Width of a bar with its gap, in pixels: few bars are drawn wider. */
const SPACING = { least: 6, most: 14 };
/** Bars out of sight on the left at which earlier ones are wanted. */
const NEAR_BARS = 60;

export class BarChart {
  readonly #chart: IChartApi;
  readonly #prices: ISeriesApi<"Candlestick">;
  readonly #volumes: ISeriesApi<"Histogram">;
  readonly #gaps: ISeriesApi<"Histogram">;
  readonly #marks: ReturnType<typeof createSeriesMarkers<Time>>;
  #bars: readonly Bar[] = [];
  /** Place of the newest candle. Behind it are empty bars, to which the chart does not scroll. */
  #newest = -1;
  #exponent = 0;
  #isMarked = false;
  #colors: ChartColors;

  /** `onPoint` is called with the open time of the bar under the crosshair, or undefined when there is none; `onSight` when other bars are in sight. */
  constructor(
    element: HTMLElement,
    colors: ChartColors,
    onPoint: (openTime: number | undefined) => void,
    onSight: () => void,
  ) {
    this.#colors = colors;
    this.#chart = createChart(element, {
      autoSize: true,
      // The sign of the library's author loads a style that the page's policy forbids. The page names the author in its own text.
      layout: { attributionLogo: false, fontSize: 11, fontFamily: getComputedStyle(element).fontFamily },
      crosshair: { mode: CrosshairMode.Normal },
      localization: { timeFormatter: (time: Time) => fullTime(Number(time) * 1_000) },
      timeScale: {
        timeVisible: true,
        secondsVisible: true,
        rightOffset: RIGHT_OFFSET,
        tickMarkFormatter: (time: Time, type: TickMarkType) => tickText(Number(time) * 1_000, type),
      },
    });
    this.#gaps = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "gaps",
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#gaps.priceScale().applyOptions({ scaleMargins: { top: 0, bottom: 0 } });
    this.#prices = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.#volumes = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "custom", minMove: 0.01, formatter: (value: number) => formatUsd(plain(value)) },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#prices.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: PRICE_BOTTOM } });
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: VOLUME_TOP, bottom: 0 } });
    this.#marks = createSeriesMarkers(this.#prices);
    this.#chart.subscribeCrosshairMove(({ time }) => onPoint(time === undefined ? undefined : Number(time) * 1_000));
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange(() => onSight());
    this.paint(colors);
  }

  get sight(): ChartSight {
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    if (range === null || this.#bars.length === 0) return { isPast: false, start: "far" };
    return {
      isPast: range.to < this.#newest,
      start: range.from <= 0 ? "seen" : range.from < NEAR_BARS ? "near" : "far",
    };
  }

  /** Draws the bars. Bars that are drawn already and did not change are left as they are. */
  show(bars: readonly Bar[]): void {
    const exponent = drawingExponent(bars);
    const changed = exponent === this.#exponent ? changedBars(this.#bars, bars) : "all";
    const before = this.#bars;
    const last = before.at(-1)?.openTime;
    this.#bars = bars;
    this.#newest = bars.findLastIndex(({ candle }) => candle !== undefined);
    if (changed !== "all") this.#update(changed, last!);
    else this.#showAll(exponent, last === undefined, isInFront(before, bars));
  }

  /** Marks bars that were corrected. Bars that are not drawn are left out. */
  mark(corrections: readonly BarCorrection[]): void {
    if (corrections.length === 0 && !this.#isMarked) return;
    this.#isMarked = corrections.length > 0;
    const drawn = new Set(this.#bars.map(({ openTime }) => openTime));
    // Of several corrections of a bar the newest is shown.
    const newest = new Map(corrections.map((correction) => [correction.openTime, correction]));
    this.#marks.setMarkers(
      [...newest.values()]
        .filter(({ openTime }) => drawn.has(openTime))
        .sort((a, b) => a.openTime - b.openTime)
        .map(({ openTime, kind }) => ({
          time: drawnTime(openTime),
          position: "aboveBar",
          shape: kind === "removed" ? "arrowDown" : "circle",
          color: kind === "removed" ? this.#colors.down : this.#colors.mark,
          size: 1,
        })),
    );
  }

  paint(colors: ChartColors): void {
    this.#colors = colors;
    const { surface, text, grid, line, up, down } = colors;
    const crosshairLine = { color: text, width: 1, style: LineStyle.Dashed, labelBackgroundColor: line } as const;
    this.#chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: surface }, textColor: text },
      grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      crosshair: { vertLine: crosshairLine, horzLine: crosshairLine },
      rightPriceScale: { borderColor: grid, entireTextOnly: true },
      timeScale: { borderColor: grid },
    });
    this.#prices.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.#volumes.setData(this.#bars.map((bar) => this.#volumeOf(bar)));
    this.#gaps.applyOptions({ color: colors.gap });
  }

  /** Sets the crosshair on a bar, for the keyboard, and scrolls to it. Undefined: takes it away. */
  point(openTime: number | undefined): void {
    const index = this.#bars.findIndex((bar) => bar.openTime === openTime);
    const close = this.#bars[index]?.candle?.close;
    if (openTime === undefined || close === undefined) {
      this.#chart.clearCrosshairPosition();
      return;
    }
    this.#chart.setCrosshairPosition(this.#numberOf(close), drawnTime(openTime), this.#prices);
    const scale = this.#chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range !== null && (index < range.from || index > range.to)) {
      scale.scrollToPosition(index - this.#bars.length + 1 + (range.to - range.from) / 2, false);
    }
  }

  /** Shows the newest bars at a width at which they fill the chart, within limits. */
  showNewest(): void {
    const scale = this.#chart.timeScale();
    const wanted = scale.width() / (this.#bars.length + 2 * RIGHT_OFFSET);
    scale.applyOptions({
      barSpacing: Math.min(SPACING.most, Math.max(SPACING.least, wanted)),
      rightOffset: RIGHT_OFFSET,
    });
    scale.scrollToPosition(RIGHT_OFFSET, false);
  }

  remove(): void {
    this.#chart.remove();
  }

  /** `isInFront`: bars came in front. The library counts from the last bar, so everything in sight stays where it is. */
  #showAll(exponent: number, isFirst: boolean, isInFront: boolean): void {
    if (exponent !== this.#exponent) {
      this.#exponent = exponent;
      const formatter = (value: number): string => formatPrice(plain(value / 10 ** exponent));
      this.#prices.applyOptions({ priceFormat: { type: "custom", minMove: 0.000001, formatter } });
    }
    // A reader who looks at the past keeps it before the eyes.
    const scale = this.#chart.timeScale();
    const range = !isFirst && !isInFront && scale.scrollPosition() < 0 ? scale.getVisibleRange() : null;
    this.#prices.setData(this.#bars.map((bar) => this.#drawn(bar)));
    this.#volumes.setData(this.#bars.map((bar) => this.#volumeOf(bar)));
    this.#showGaps();
    if (isFirst) this.showNewest();
    const first = this.#bars[0]?.openTime;
    if (range !== null && first !== undefined && Number(range.from) * 1_000 >= first) scale.setVisibleRange(range);
  }

  /** A closed bar that is not complete may lack swaps. The first one begins where the history or the service begins, which is said in words. */
  #showGaps(): void {
    const first = this.#bars.findIndex(({ candle }) => candle !== undefined);
    const drawn = this.#bars.slice(0, Math.max(0, this.#newest)).map(({ openTime, candle }, index) => ({
      time: drawnTime(openTime),
      ...(candle?.complete === false && index !== first ? { value: 1 } : {}),
    }));
    this.#gaps.setData(drawn);
  }

  /** `last` is the open time of the last bar that is drawn. */
  #update(changed: readonly Bar[], last: number): void {
    for (const bar of changed) {
      const isEarlier = bar.openTime < last;
      this.#prices.update(this.#drawn(bar), isEarlier);
      this.#volumes.update(this.#volumeOf(bar), isEarlier);
    }
  }

  #drawn({ openTime, candle }: Bar): Drawn {
    const time = drawnTime(openTime);
    if (candle?.open === undefined) return { time };
    const { open, high = open, low = open, close = open } = candle;
    return {
      time,
      open: this.#numberOf(open),
      high: this.#numberOf(high),
      low: this.#numberOf(low),
      close: this.#numberOf(close),
    };
  }

  #volumeOf({ openTime, candle }: Bar): DrawnVolume {
    const time = drawnTime(openTime);
    if (candle === undefined) return { time };
    const rose = Number(candle.close ?? 0) >= Number(candle.open ?? 0);
    return {
      time,
      value: Number(candle.volume_usd),
      color: (rose ? this.#colors.up : this.#colors.down) + ALPHA_VOLUME,
    };
  }

  #numberOf(price: string): number {
    return Number(price) * 10 ** this.#exponent;
  }
}

/** Returns whether the only change is that bars came in front. */
function isInFront(before: readonly Bar[], after: readonly Bar[]): boolean {
  const added = after.length - before.length;
  return before.length > 0 && added > 0 && before.at(-1)!.openTime === after.at(-1)!.openTime;
}

function drawnTime(openTimeMs: number): UTCTimestamp {
  return (openTimeMs / 1_000) as UTCTimestamp;
}

/** Writes a drawn number without exponent, with 15 significant digits at most. */
function plain(value: number): string {
  return value.toLocaleString("en", { useGrouping: false, maximumSignificantDigits: 12 });
}

const two = (value: number): string => String(value).padStart(2, "0");

function fullTime(timeMs: number): string {
  const time = new Date(timeMs);
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${time.getDate()} ${MONTHS[time.getMonth()]} ${clock}`;
}

/** The library sets marks where days and hours begin in UTC; their texts are the reader's clock. */
function tickText(timeMs: number, type: TickMarkType): string {
  const time = new Date(timeMs);
  const isMidnight = time.getHours() === 0 && time.getMinutes() === 0 && time.getSeconds() === 0;
  if (isMidnight && type !== TickMarkType.TimeWithSeconds) return `${time.getDate()} ${MONTHS[time.getMonth()]}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  return type === TickMarkType.TimeWithSeconds ? `${clock}:${two(time.getSeconds())}` : clock;
}
