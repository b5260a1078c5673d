/** The figures of all windows beside each other, each with the span before. */
import { type ChannelFigures, figures as figureTable } from "@swapstats/client";
import { Delta, Figure, type FigureForm, Panel } from "../ui/parts.tsx";
import { Awaited } from "./awaited.tsx";
import {
  comparisonOf,
  FIGURE_GROUPS,
  type FigureName,
  type FigureRow,
  sawBefore,
  windowsInOrder,
} from "./comparison.ts";
import { percentOf } from "./evidence.ts";
import type { ChosenWindow, Figures } from "./token-head.tsx";

/** Rows of the table while it loads. */
const SKELETON_ROWS = 12;
const ESTIMATED: ReadonlySet<FigureName> = new Set(["traders", "buyers", "sellers"]);

type PanelProps = {
  readonly data: Figures | undefined;
  readonly isPending: boolean;
  readonly asOfMs: number;
  readonly seenSinceMs: number | undefined;
  readonly window: ChosenWindow;
};

export function FiguresPanel({ data, isPending, asOfMs, seenSinceMs, window }: PanelProps) {
  const names = data === undefined ? [] : windowsInOrder(data.windows);
  return (
    <Panel title="Figures" aside="with the span before, and the change" class="figures">
      {data === undefined ? (
        <Awaited isPending={isPending} rows={SKELETON_ROWS} label="Loading the figures" />
      ) : (
        <div class="figures-scroll">
          <table class="figures-table">
            <thead>
              <tr>
                <th scope="col">
                  <span class="unseen">Figure</span>
                </th>
                {names.map((name) => (
                  <th key={name} scope="col" class={classOf(name, window)}>
                    {name}
                    {!data.windows[name]!.complete && <Partial />}
                  </th>
                ))}
              </tr>
            </thead>
            {FIGURE_GROUPS.map(({ title, rows }) => (
              <tbody key={title}>
                <tr class="figure-group">
                  <th colSpan={names.length + 1} scope="rowgroup">
                    {title}
                  </th>
                </tr>
                {rows.map((row) => (
                  <tr key={row.name}>
                    <th scope="row">{row.label}</th>
                    {names.map((name) => (
                      <td key={name} class={classOf(name, window)}>
                        <Cell
                          row={row}
                          figures={data.windows[name]!}
                          sawBefore={sawBefore(data.windows, name, asOfMs, seenSinceMs)}
                        />
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            ))}
          </table>
        </div>
      )}
    </Panel>
  );
}

const classOf = (name: string, { chosen }: ChosenWindow): string => (name === chosen ? "number chosen" : "number");

/** Marks a window of which the service has not seen everything. */
function Partial() {
  return (
    <abbr class="window-partial" title="Partial: the service has not seen the whole window yet">
      <span class="unseen">partial</span>
    </abbr>
  );
}

/** Whether the service has the figure of the span before in some window. */
const mayCompare = (name: FigureName): boolean => figureTable[name].inPrevious === true;

type CellProps = { readonly row: FigureRow; readonly figures: ChannelFigures; readonly sawBefore: boolean };

function Cell({ row: { name, kind }, figures, sawBefore }: CellProps) {
  const { value, previous, percent, difference } = comparisonOf(figures, name, sawBefore);
  if (kind === "percent") return <Delta value={value} />;
  const form: FigureForm = kind === "net" ? "usd" : kind;
  const isEstimated = figures.traders_estimated === true && ESTIMATED.has(name);
  return (
    <div class={mayCompare(name) ? "figure-cell may-compare" : "figure-cell"}>
      <span>
        {isEstimated && (
          <abbr class="figure-estimated" title={`Estimated, standard error ±${percentOf(figures.traders_error)}`}>
            ≈
          </abbr>
        )}
        {kind === "net" ? <Delta value={value} form="usd" /> : <Figure value={value} form={form} />}
      </span>
      {previous !== undefined && (
        <span class="before">
          <span class="unseen">before: </span>
          <Figure value={previous} form={form} />
          {kind === "net" ? <Delta value={difference} form="usd" /> : <Delta value={percent} />}
        </span>
      )}
    </div>
  );
}
