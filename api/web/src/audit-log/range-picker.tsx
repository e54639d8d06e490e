import { useState } from "react";
import { Dialog, DialogTrigger, Label, Popover, Button as Trigger } from "react-aria-components";
import { Button } from "../controls/button";
import { Icon } from "../controls/icon";
import { short, toInput, zone } from "../format/time";
import { RANGES, type Range, type View } from "./view";

interface RangePickerProps {
  view: View;
  onChange: (view: View) => void;
}

/** Time range of entries: a preset, or a start and an end. */
export function RangePicker({ view, onChange }: RangePickerProps) {
  const { from, to } = view.filter;
  return (
    <div className="field">
      <Label className="field-label" id="range-label">
        Happened
      </Label>
      <DialogTrigger>
        <Trigger className="input select-button" aria-label={`Happened: ${describe(view)}`}>
          <span className="select-value">{describe(view)}</span>
          <Icon name="calendar" />
        </Trigger>
        <Popover className="popover" placement="bottom start">
          <Dialog className="popover-form" aria-labelledby="range-label">
            {({ close }) => (
              <Choices
                from={from ?? ""}
                to={to ?? ""}
                onRange={(range) => {
                  onChange({ ...view, range, filter: { ...view.filter, from: undefined, to: undefined } });
                  close();
                }}
                onBounds={(from, to) => {
                  onChange({ ...view, range: null, filter: { ...view.filter, from, to } });
                  close();
                }}
              />
            )}
          </Dialog>
        </Popover>
      </DialogTrigger>
    </div>
  );
}

interface ChoicesProps {
  from: string;
  to: string;
  onRange: (range: Range | null) => void;
  onBounds: (from: string | undefined, to: string | undefined) => void;
}

function Choices({ from, to, onRange, onBounds }: ChoicesProps) {
  const [start, setStart] = useState(from && toInput(from));
  const [end, setEnd] = useState(to && toInput(to));
  const isBackwards = Boolean(start && end && start > end);
  const instant = (input: string) => (input ? new Date(input).toISOString() : undefined);
  return (
    <>
      <div className="range-presets">
        <Button variant="quiet" size="small" onPress={() => onRange(null)}>
          Any time
        </Button>
        {Object.entries(RANGES).map(([key, { label }]) => (
          <Button key={key} variant="quiet" size="small" onPress={() => onRange(key as Range)}>
            {label}
          </Button>
        ))}
      </div>
      <label className="field">
        <span className="field-label">From</span>
        <input
          className="input"
          type="datetime-local"
          value={start}
          onChange={(event) => setStart(event.target.value)}
        />
      </label>
      <label className="field">
        <span className="field-label">To</span>
        <input
          className="input"
          type="datetime-local"
          value={end}
          onChange={(event) => setEnd(event.target.value)}
        />
      </label>
      <span className={isBackwards ? "field-error" : "field-hint"} role={isBackwards ? "alert" : undefined}>
        {isBackwards ? "The end is before the start." : `Time zone: ${zone}`}
      </span>
      <Button
        variant="primary"
        isDisabled={isBackwards}
        onPress={() => onBounds(instant(start), instant(end))}
      >
        Apply
      </Button>
    </>
  );
}

function describe({ filter, range }: View): string {
  if (range) return RANGES[range].label;
  if (filter.from && filter.to) return `${short(filter.from)} – ${short(filter.to)}`;
  if (filter.from) return `Since ${short(filter.from)}`;
  if (filter.to) return `Before ${short(filter.to)}`;
  return "Any time";
}
