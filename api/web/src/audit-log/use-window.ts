/** Computes the visible rows of a long list. */
import { type RefObject, useEffect, useState } from "react";
import { useMediaQuery } from "../controls/use-media-query";

/** Rows beyond the visible area, so that scrolling does not show blank space. */
const MARGIN = 12;
const ROW_HEIGHT = 44;
/** On narrow screens a row has two lines. */
const TALL_ROW_HEIGHT = 64;

export function useWindow(body: RefObject<HTMLElement | null>, total: number) {
  const isNarrow = useMediaQuery("(max-width: 900px)");
  const rowHeight = isNarrow ? TALL_ROW_HEIGHT : ROW_HEIGHT;
  const [seen, setSeen] = useState({ top: 0, height: 800 });
  useEffect(() => {
    const element = body.current;
    if (!element) return;
    const look = () => setSeen({ top: element.scrollTop, height: element.clientHeight });
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, [body]);
  const first = Math.max(0, Math.floor(seen.top / rowHeight) - MARGIN);
  const last = Math.min(total, Math.ceil((seen.top + seen.height) / rowHeight) + MARGIN);
  const scrollTo = (index: number) => {
    const element = body.current;
    if (!element) return;
    // The header stays above the rows.
    const head = element.firstElementChild as HTMLElement | null;
    const room = element.clientHeight - (head?.offsetHeight ?? 0);
    const top = index * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + room) element.scrollTop = top + rowHeight - room;
  };
  return { first: Math.min(first, last), last, rowHeight, scrollTo };
}
