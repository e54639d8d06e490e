import { useState } from "react";
import { Dialog, DialogTrigger, Label, Popover, Button as Trigger } from "react-aria-components";
import { Button } from "../controls/button";
import { Icon } from "../controls/icon";
import { afterMinute, instantsOf, lastMinute, offset, short, toInput, zone } from "../format/time";
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
  const [start, setStart] = useState(from);
  const [end, setEnd] = useState(to);
  const isBackwards = Boolean(start && end) && Date.parse(start) > Date.parse(end);
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
      <Bound label="From" instant={start} onChange={setStart} />
      <Bound
        label="To"
        instant={end && lastMinute(end)}
        onChange={(minute) => setEnd(minute && afterMinute(minute))}
      />
      <span className={isBackwards ? "field-error" : "field-hint"} role={isBackwards ? "alert" : undefined}>
        {isBackwards ? "The end is before the start." : `The last minute is included. Time zone: ${zone}`}
      </span>
      <Button
        variant="primary"
        isDisabled={isBackwards}
        onPress={() => onBounds(start || undefined, end || undefined)}
      >
        Apply
      </Button>
    </>
  );
}

interface BoundProps {
  label: string;
  /** The instant that applies, which changes only with the input; empty for none. */
  instant: string;
  onChange: (instant: string) => void;
}

/** One end of a range, in local time. */
function Bound({ label, instant, onChange }: BoundProps) {
  const [input, setInput] = useState(instant && toInput(instant));
  const instants = instantsOf(input);
  const change = (input: string) => {
    setInput(input);
    // Clocks that skip the time go on where they stood: a browser takes 02:30 as 03:30.
    const [first = input && new Date(input).toISOString()] = instantsOf(input);
    onChange(first);
  };
  return (
    <>
      <label className="field">
        <span className="field-label">{label}</span>
        <input
          className="input"
          type="datetime-local"
          value={input}
          onChange={(event) => change(event.target.value)}
        />
      </label>
      {instants.length > 1 && (
        <label className="field">
          <span className="field-label">Clocks show this time twice</span>
          <select
            className="input"
            value={nearest(instants, instant)}
            onChange={(event) => onChange(event.target.value)}
          >
            {instants.map((one, index) => (
              <option key={one} value={one}>
                {index === 0 ? "the first time" : "the second time"}, {offset(one)}
              </option>
            ))}
          </select>
        </label>
      )}
    </>
  );
}

/** The one of the instants that begins the minute of `instant`. */
function nearest(instants: string[], instant: string): string | undefined {
  return instants.findLast((one) => Date.parse(one) <= Date.parse(instant)) ?? instants[0];
}

function describe({ filter, range }: View): string {
  if (range) return RANGES[range].label;
  if (filter.from && filter.to) return `${short(filter.from)} – ${short(lastMinute(filter.to))}`;
  if (filter.from) return `Since ${short(filter.from)}`;
  if (filter.to) return `Until ${short(lastMinute(filter.to))}`;
  return "Any time";
}
