import { Button } from "../controls/button";
import { plural } from "../format/number";
import type { Tail } from "./use-tail";

interface LiveControlProps {
  tail: Tail;
  isPaused: boolean;
  isAtTop: boolean;
  onPause: (isPaused: boolean) => void;
  onCatchUp: () => void;
}

/** Shows if the list updates live, or how many new entries are waiting, and pauses or resumes updates. */
export function LiveControl({ tail, isPaused, isAtTop, onPause, onCatchUp }: LiveControlProps) {
  const isHeld = isPaused || !isAtTop;
  return (
    <div className="live">
      <span className="live-state" role="status">
        {tail.error ? (
          <span className="live-error">{tail.error}</span>
        ) : isHeld && tail.waiting > 0 ? (
          <Button size="small" variant="primary" onPress={onCatchUp}>
            Show {plural(tail.waiting, "new entry", "new entries")}
          </Button>
        ) : (
          <span className={`live-dot ${isHeld ? "is-paused" : ""}`}>{isPaused ? "Paused" : "Live"}</span>
        )}
      </span>
      <Button size="small" icon={isPaused ? "play" : "pause"} onPress={() => onPause(!isPaused)}>
        {isPaused ? "Resume" : "Pause"}
      </Button>
    </div>
  );
}
