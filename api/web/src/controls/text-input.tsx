import {
  FieldError,
  Input,
  Label,
  Text,
  TextArea,
  TextField,
  type TextFieldProps,
} from "react-aria-components";

interface TextInputProps extends TextFieldProps {
  label: string;
  placeholder?: string;
  hint?: string;
  error?: string | null;
  /** Number of lines, for a text area. */
  rows?: number;
}

export function TextInput({ label, placeholder, hint, error, rows, ...rest }: TextInputProps) {
  return (
    <TextField {...rest} isInvalid={Boolean(error)} className="field">
      <Label className="field-label">{label}</Label>
      {rows ? (
        <TextArea className="input input-area" rows={rows} placeholder={placeholder} />
      ) : (
        <Input className="input" placeholder={placeholder} />
      )}
      {hint && !error && (
        <Text slot="description" className="field-hint">
          {hint}
        </Text>
      )}
      <FieldError className="field-error">{error}</FieldError>
    </TextField>
  );
}
