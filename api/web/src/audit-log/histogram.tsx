import { type KeyboardEvent, type PointerEvent, useEffect, useState } from "react";
import { useQuery } from "urql";
import { count, plural } from "../format/number";
import { short } from "../format/time";
import type { AuditLogFilter, HistogramQuery } from "../graphql/generated/graphql";
import { HISTOGRAM } from "./documents";

type Bucket = HistogramQuery["auditLogHistogram"][number];
interface Span {
  start: number;
  end: number;
}

const BUCKETS = 60;
const HEIGHT = 100;
/** Delay after new entries before the counts are reloaded. */
const REFRESH_AFTER_MS = 3_000;

interface HistogramProps {
  organizationId: string;
  filter: AuditLogFilter;
  /** Number of entries that were recorded since the view was opened. */
  recorded: number;
  onChoose: (from: string, to: string) => void;
}

/** Entries over time. Dragging, or Shift with the arrow keys, selects a time range. */
export function Histogram({ organizationId, filter, recorded, onChoose }: HistogramProps) {
  const [{ data, stale, error }, reload] = useQuery({
    query: HISTOGRAM,
    variables: { organizationId, filter, buckets: BUCKETS },
  });
  useEffect(() => {
    if (!recorded) return;
    const timer = setTimeout(reload, REFRESH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [recorded, reload]);
  const buckets = data?.auditLogHistogram ?? [];
  const [chosen, setChosen] = useState<Span | null>(null);
  const apply = (span: Span) => {
    const [from, to] = [
      buckets[Math.min(span.start, span.end)]?.from,
      buckets[Math.max(span.start, span.end)]?.to,
    ];
    setChosen(null);
    if (from && to) onChoose(from, to);
  };
  return (
    <section className="histogram" aria-label="Activity over time" aria-busy={stale}>
      {buckets.length > 0 ? (
        <Chart buckets={buckets} chosen={chosen} onChange={setChosen} onApply={apply} />
      ) : (
        <div className="histogram-empty">
          {error ? "Activity could not be loaded." : data && "No activity in this range."}
        </div>
      )}
    </section>
  );
}

interface ChartProps {
  buckets: Bucket[];
  chosen: Span | null;
  onChange: (span: Span | null) => void;
  onApply: (span: Span) => void;
}

function Chart({ buckets, chosen, onChange, onApply }: ChartProps) {
  const [hovered, setHovered] = useState<number | null>(null);
  const [isDragging, setDragging] = useState(false);
  const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
  const at = (event: PointerEvent) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const index = Math.floor(((event.clientX - left) / width) * buckets.length);
    return Math.max(0, Math.min(buckets.length - 1, index));
  };
  const keys = (event: KeyboardEvent) => {
    const current = chosen ?? { start: buckets.length - 1, end: buckets.length - 1 };
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const end = Math.max(0, Math.min(buckets.length - 1, chosen ? current.end + step : current.end));
      onChange({ start: event.shiftKey ? current.start : end, end });
    } else if (event.key === "Enter" && chosen) onApply(chosen);
    else if (event.key === "Escape") onChange(null);
  };
  const low = chosen && Math.min(chosen.start, chosen.end);
  const high = chosen && Math.max(chosen.start, chosen.end);
  const told =
    low !== null && high !== null
      ? describe(buckets.slice(low, high + 1))
      : hovered !== null
        ? describe(buckets.slice(hovered, hovered + 1))
        : describe(buckets);
  return (
    <>
      <div className="histogram-told">
        <span aria-live="polite">{told}</span>
        <span className="histogram-hint">Drag to filter</span>
      </div>
      <div
        className="histogram-plot"
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: its keys choose a part
        tabIndex={0}
        aria-label="Chart of activity: arrow keys select an interval, Shift with arrow keys several, Enter applies the filter"
        onKeyDown={keys}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDragging(true);
          onChange({ start: at(event), end: at(event) });
        }}
        onPointerMove={(event) => {
          setHovered(at(event));
          if (isDragging && chosen) onChange({ ...chosen, end: at(event) });
        }}
        onPointerUp={() => {
          setDragging(false);
          if (isDragging && chosen) onApply(chosen);
        }}
        onPointerCancel={() => {
          setDragging(false);
          onChange(null);
        }}
        onPointerLeave={() => setHovered(null)}
      >
        <svg viewBox={`0 0 ${buckets.length} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {low !== null && high !== null && (
            <rect className="histogram-chosen" x={low} y={0} width={high - low + 1} height={HEIGHT} />
          )}
          {buckets.map((bucket, index) => {
            // A minimum height, so that small counts are visible next to large ones.
            const height = bucket.count ? Math.max(2, (bucket.count / most) * (HEIGHT - 2)) : 0;
            return (
              <rect
                key={bucket.from}
                className={`histogram-bar ${hovered === index ? "is-hovered" : ""}`}
                x={index + 0.12}
                y={HEIGHT - height}
                width={0.76}
                height={height}
              />
            );
          })}
        </svg>
      </div>
      <div className="histogram-axis" aria-hidden="true">
        <span>{short(buckets[0]?.from ?? "")}</span>
        <span>{short(buckets[Math.floor(buckets.length / 2)]?.from ?? "")}</span>
        <span>{short(buckets.at(-1)?.to ?? "")}</span>
      </div>
    </>
  );
}

function describe(buckets: Bucket[]): string {
  const [first, last] = [buckets[0], buckets.at(-1)];
  if (!first || !last) return "";
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const isMore = buckets.some((bucket) => bucket.capped);
  const entries = isMore ? `at least ${count(total)} entries` : plural(total, "entry", "entries");
  return `${entries}, ${short(first.from)} – ${short(last.to)}`;
}
