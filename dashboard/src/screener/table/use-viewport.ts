/** The visible part of an element that scrolls, and whether the page is as narrow as a phone. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { inNextFrame, notInNextFrame } from "../../ui/frames.ts";

type Viewport = { readonly top: number; readonly height: number };

/** Height until the first layout. A large screen has it, so the first frame lacks no visible row. */
const FIRST: Viewport = { top: 0, height: 900 };

/** Returns scroll position and height in pixels, at most once a frame. */
export function useViewport(ref: RefObject<HTMLElement | null>): Viewport {
  const [viewport, setViewport] = useState(FIRST);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const read = (): void => {
      const next = { top: element.scrollTop, height: element.clientHeight };
      setViewport((before) => (before.top === next.top && before.height === next.height ? before : next));
    };
    const onScroll = (): void => inNextFrame(read);
    read();
    const sizes = new ResizeObserver(onScroll);
    sizes.observe(element);
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", onScroll);
      notInNextFrame(read);
    };
  }, [ref]);
  return viewport;
}

const NARROW = "(max-width: 719px)";

/** Returns whether rows have two lines. */
export function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const follow = (): void => setNarrow(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return isNarrow;
}
