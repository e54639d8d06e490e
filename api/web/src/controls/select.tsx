import {
  Select as AriaSelect,
  Button,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  SelectValue,
} from "react-aria-components";
import { Icon } from "./icon";

interface SelectProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
  /** Hides the label if the surroundings make it clear. */
  isLabelHidden?: boolean;
}

export function Select<T extends string>({ label, value, options, onChange, isLabelHidden }: SelectProps<T>) {
  return (
    <AriaSelect
      className="field"
      aria-label={isLabelHidden ? label : undefined}
      value={value}
      onChange={(key) => onChange(key as T)}
    >
      {!isLabelHidden && <Label className="field-label">{label}</Label>}
      <Button className="input select-button">
        <SelectValue className="select-value">{({ selectedText }) => selectedText}</SelectValue>
        <Icon name="chevron" />
      </Button>
      <Popover className="popover list-popover">
        <ListBox className="list-box" items={options}>
          {(option) => (
            <ListBoxItem id={option.value} textValue={option.label} className="list-item">
              {option.label}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}
