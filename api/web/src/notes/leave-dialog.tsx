import { useEffect, useState } from "react";
import { Button } from "../controls/button";
import { Overlay } from "../controls/dialog";
import { guard } from "../routing/guard";

interface LeaveDialogProps {
  /** Whether the draft is still there for who comes back. */
  isKept: boolean;
  onDiscard: () => void;
}

/** As long as it is shown, whoever leaves what is not saved is asked first. */
export function LeaveDialog({ isKept, onDiscard }: LeaveDialogProps) {
  const [leave, setLeave] = useState<(() => void) | null>(null);
  useEffect(() => guard((next) => setLeave(() => next)), []);
  useEffect(() => {
    // The browser asks with words of its own; closing the tab ends what it keeps for it.
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, []);
  const go = () => {
    setLeave(null);
    leave?.();
  };
  return (
    <Overlay title="This note is not saved" isOpen={leave !== null} onClose={() => setLeave(null)}>
      <div className="dialog-content">
        <p>
          {isKept
            ? "If you leave, what you have written stays in this tab as a draft, until you save or discard it."
            : "Your browser has no room to keep what you have written: if you leave, it is lost."}
        </p>
        <footer className="dialog-footer">
          <Button variant="primary" onPress={() => setLeave(null)}>
            Keep writing
          </Button>
          <Button
            variant="danger"
            onPress={() => {
              onDiscard();
              go();
            }}
          >
            Discard it
          </Button>
          {isKept && <Button onPress={go}>Leave, keep the draft</Button>}
        </footer>
      </div>
    </Overlay>
  );
}
