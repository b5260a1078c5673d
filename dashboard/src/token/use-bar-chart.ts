/** The chart in a component: it is loaded once, gets what changed, and takes the colours of the theme. */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Bar, BarCorrection } from "./candle-bars.ts";
import type { BarChart, ChartColors, ChartSight } from "./chart.ts";

type ChartInUse = {
  readonly host: RefObject<HTMLDivElement | null>;
  /** The library could not be loaded. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** True while the crosshair is moved by keys. */
  readonly isByKeyboard: boolean;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly onBlur: () => void;
  readonly sight: ChartSight;
  showNewest(): void;
};

const ALL_IN_SIGHT: ChartSight = { isPast: false, start: "far" };

const LOAD_FAILED = {
  code: "unavailable",
  message: "The chart could not be loaded. Load the page again; all other parts work without it.",
};

export function useBarChart(
  bars: readonly Bar[],
  marked: readonly BarCorrection[],
  onPoint: (openTime: number | undefined) => void,
  onNearStart: () => void,
): ChartInUse {
  const host = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<BarChart | undefined>(undefined);
  const [isFailed, setFailed] = useState(false);
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const [sight, setSight] = useState(ALL_IN_SIGHT);

  const look = (drawn: BarChart): void => {
    const { sight: next } = drawn;
    setSight((before) => (before.isPast === next.isPast && before.start === next.start ? before : next));
  };
  useEffect(() => {
    let opened: BarChart | undefined;
    let isEnded = false;
    const load = async (): Promise<void> => {
      const { BarChart } = await import("./chart.ts");
      if (isEnded || host.current === null) return;
      const drawn = new BarChart(host.current, colorsOf(host.current), onPoint, () => look(drawn));
      opened = drawn;
      setChart(drawn);
    };
    load().catch(() => setFailed(true));
    const repaint = (): void => opened?.paint(colorsOf(host.current!));
    addEventListener("themechange", repaint);
    return () => {
      isEnded = true;
      removeEventListener("themechange", repaint);
      opened?.remove();
    };
  }, []);
  useEffect(() => {
    chart?.show(bars);
    if (chart !== undefined) look(chart);
  }, [chart, bars]);
  // Asks the chart itself: after a page came, the state of before is out of date.
  useEffect(() => {
    if (chart !== undefined && chart.sight.start !== "far") onNearStart();
  }, [chart, bars, sight]);
  useEffect(() => chart?.mark(marked), [chart, marked, bars]);
  useEffect(() => chart?.point(pointed), [chart, pointed]);

  const onKeyDown = (event: KeyboardEvent): void => {
    const next = pointedBy(event.key, bars, pointed);
    if (next === "none") return;
    event.preventDefault();
    setPointed(next);
    onPoint(next);
  };
  const onBlur = (): void => {
    if (pointed === undefined) return;
    setPointed(undefined);
    onPoint(undefined);
  };
  return {
    ...{
      host,
      error: isFailed ? LOAD_FAILED : undefined,
      isByKeyboard: pointed !== undefined,
      onKeyDown,
      onBlur,
      sight,
    },
    showNewest: () => chart?.showNewest(),
  };
}

/** Returns the bar that a key moves the crosshair to, undefined for none at all, and "none" for keys of another purpose. */
function pointedBy(key: string, bars: readonly Bar[], pointed: number | undefined): number | undefined | "none" {
  const times = bars.flatMap(({ openTime, candle }) => (candle?.close === undefined ? [] : [openTime]));
  const at = pointed === undefined ? times.length : times.indexOf(pointed);
  switch (key) {
    case "ArrowLeft":
      return times[Math.max(0, at - 1)] ?? "none";
    case "ArrowRight":
      return times[Math.min(times.length - 1, at + 1)] ?? "none";
    case "Home":
      return times[0] ?? "none";
    case "End":
      return times.at(-1) ?? "none";
    case "Escape":
      return pointed === undefined ? "none" : undefined;
    default:
      return "none";
  }
}

function colorsOf(element: HTMLElement): ChartColors {
  const style = getComputedStyle(element);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  return {
    surface: color("--surface"),
    text: color("--text-2"),
    grid: color("--grid"),
    line: color("--line-strong"),
    up: color("--up-fill"),
    down: color("--down-fill"),
    mark: color("--warn-fill"),
    gap: color("--warn-tint"),
  };
}
