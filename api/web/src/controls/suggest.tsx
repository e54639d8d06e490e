import { useEffect, useState } from "react";
import { Button, ComboBox, Input, Label, ListBox, ListBoxItem, Popover } from "react-aria-components";
import { Icon } from "./icon";

interface SuggestProps {
  label: string;
  placeholder: string;
  value: string;
  suggestions: string[];
  /** Called with the typed text, to update the suggestions. */
  onType: (text: string) => void;
  /** Called with a chosen suggestion, or with the text when the field is left. */
  onCommit: (value: string) => void;
}

/** A text field that suggests values but also accepts others. */
export function Suggest({ label, placeholder, value, suggestions, onType, onCommit }: SuggestProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const commit = (next: string) => {
    if (next.trim() !== value) onCommit(next.trim());
  };
  return (
    <ComboBox
      className="field"
      allowsCustomValue
      allowsEmptyCollection={false}
      menuTrigger="focus"
      inputValue={text}
      items={suggestions.map((name) => ({ name }))}
      onInputChange={(next) => {
        setText(next);
        onType(next);
      }}
      onSelectionChange={(key) => {
        if (key === null) return;
        setText(String(key));
        commit(String(key));
      }}
      onBlur={() => commit(text)}
    >
      <Label className="field-label">{label}</Label>
      <div className="input-group">
        <Input
          className="input"
          placeholder={placeholder}
          onKeyDown={(event) => {
            // If an option has the focus, Enter chooses the option instead of the typed text.
            const isOption = event.currentTarget.getAttribute("aria-activedescendant");
            if (event.key === "Enter" && !isOption) commit(text);
          }}
        />
        <Button className="input-addon" aria-label={`Suggestions for ${label}`}>
          <Icon name="chevron" />
        </Button>
      </div>
      <Popover className="popover list-popover">
        <ListBox<{ name: string }> className="list-box">
          {({ name }) => (
            <ListBoxItem id={name} textValue={name} className="list-item mono">
              {name}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
