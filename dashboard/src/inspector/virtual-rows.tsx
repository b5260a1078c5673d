/** A long list of rows of one height, of which only those in sight are there. It follows the end while it is scrolled to the end. */
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Rows before and after those in sight. */
const OVERSCAN = 8;

type Props = {
  readonly label: string;
  readonly count: number;
  readonly rowHeight: number;
  /** Number of the first row. If it grows, rows left at the front, and what is in sight stays where it is. */
  readonly firstNo?: number;
  /** Whether the newest row is kept in sight from the beginning. */
  readonly followsEnd?: boolean;
  readonly role?: "listbox" | "group";
  readonly row: (index: number) => ComponentChildren;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
  /** Row to bring into sight. */
  readonly shown?: number | undefined;
  readonly activeId?: string | undefined;
  readonly onFollowing?: (isFollowing: boolean) => void;
  /** Changes when the end is to be followed again. */
  readonly followToken?: number;
};

export function VirtualRows(props: Props) {
  const { label, count, rowHeight, firstNo = 0, followsEnd = false, role = "group", row, onKeyDown } = props;
  const box = useRef<HTMLDivElement>(null);
  const isFollowing = useRef(followsEnd);
  const first = useRef(firstNo);
  const [view, setView] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const element = box.current as HTMLDivElement;
    const observer = new ResizeObserver(() => setView((before) => ({ ...before, height: element.clientHeight })));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = box.current as HTMLDivElement;
    const gone = first.current === 0 ? 0 : Math.max(0, firstNo - first.current);
    first.current = firstNo;
    if (isFollowing.current) element.scrollTop = count * rowHeight;
    else if (gone > 0) element.scrollTop -= gone * rowHeight;
  }, [count, firstNo, rowHeight]);
  useLayoutEffect(() => {
    if (props.followToken === undefined || props.followToken === 0) return;
    isFollowing.current = true;
    (box.current as HTMLDivElement).scrollTop = count * rowHeight;
    props.onFollowing?.(true);
  }, [props.followToken]);
  useLayoutEffect(() => {
    const element = box.current as HTMLDivElement;
    if (props.shown === undefined || props.shown < 0) return;
    const top = props.shown * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight;
    }
  }, [props.shown]);
  const scrolled = (element: HTMLDivElement): void => {
    setView({ top: element.scrollTop, height: element.clientHeight });
    if (!followsEnd) return;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - rowHeight;
    if (atEnd === isFollowing.current) return;
    isFollowing.current = atEnd;
    props.onFollowing?.(atEnd);
  };
  const from = Math.max(0, Math.floor(view.top / rowHeight) - OVERSCAN);
  const to = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN);
  return (
    <div
      ref={box}
      class="virtual-rows"
      {...{ role, tabIndex: 0, "aria-label": label, "aria-activedescendant": props.activeId, onKeyDown }}
      onScroll={(event) => scrolled(event.currentTarget)}
    >
      <div class="rows-space" style={{ height: `${count * rowHeight}px` }}>
        <div class="rows-shown" style={{ transform: `translateY(${from * rowHeight}px)` }}>
          {Array.from({ length: Math.max(0, to - from) }, (_, i) => row(from + i))}
        </div>
      </div>
    </div>
  );
}
