import { useEffect, useState } from "react";
import { Button } from "../controls/button";
import { Overlay } from "../controls/dialog";
import { guard } from "../routing/guard";

interface LeaveDialogProps {
  /** True if the browser keeps the draft when the user leaves. */
  isKept: boolean;
  onDiscard: () => void;
}

/** While it is mounted, asks users before they leave an unsaved note. */
export function LeaveDialog({ isKept, onDiscard }: LeaveDialogProps) {
  const [leave, setLeave] = useState<(() => void) | null>(null);
  useEffect(() => guard((next) => setLeave(() => next)), []);
  useEffect(() => {
    // The browser shows its own text. Closing the tab deletes the drafts in it.
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
            ? "If you leave, your text stays in this tab as a draft until you save or discard it."
            : "Your browser's storage is full, so your text can't be kept. If you leave, it is lost."}
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
            Discard
          </Button>
          {isKept && <Button onPress={go}>Leave, keep the draft</Button>}
        </footer>
      </div>
    </Overlay>
  );
}
