/** A JSON value in lines, with the places marked that changed. */
import { useMemo } from "preact/hooks";
import type { JsonLine } from "./json-lines.ts";
import { VirtualRows } from "./virtual-rows.tsx";

const LINE_PX = 19;
const MARKS = { changed: "~", added: "+", removed: "−" };

export function JsonView({ lines, label }: { readonly lines: readonly JsonLine[]; readonly label: string }) {
  const widest = useMemo(() => lines.reduce((most, line) => Math.max(most, widthOf(line)), 0), [lines]);
  return (
    <div class="json" style={{ "--json-width": `${widest}ch` }}>
      <VirtualRows
        label={label}
        count={lines.length}
        rowHeight={LINE_PX}
        row={(index) => <Line key={index} line={lines[index] as JsonLine} />}
      />
    </div>
  );
}

const INDENT = 2;
const widthOf = ({ depth, key = "", text, was = "" }: JsonLine): number =>
  depth * INDENT + key.length + text.length + was.length + 8;

function Line({ line: { depth, key, text, mark, was } }: { readonly line: JsonLine }) {
  return (
    <div class={mark === undefined ? "json-line" : `json-line ${mark}`}>
      <span class="json-mark" title={mark}>
        {mark !== undefined && MARKS[mark]}
      </span>
      <span class="json-text">
        {" ".repeat(depth * INDENT)}
        {key !== undefined && <span class="json-key">{key}: </span>}
        <span class={classOf(text)}>{text}</span>
        {was !== undefined && <span class="json-was"> was {was}</span>}
      </span>
    </div>
  );
}

function classOf(text: string): string {
  if (text.startsWith('"')) return "json-string";
  return /^[-\d]/.test(text) ? "json-number" : "json-other";
}
