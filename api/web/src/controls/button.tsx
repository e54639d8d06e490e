import { Button as AriaButton, type ButtonProps as AriaButtonProps } from "react-aria-components";
import { Icon, type IconName } from "./icon";

interface ButtonProps extends AriaButtonProps {
  variant?: "primary" | "secondary" | "quiet" | "danger";
  size?: "small" | "medium";
  icon?: IconName;
}

export function Button({ variant = "secondary", size = "medium", icon, children, ...rest }: ButtonProps) {
  return (
    <AriaButton {...rest} className={`button button-${variant} button-${size}`}>
      {(state) => (
        <>
          {state.isPending ? <span className="spinner" aria-hidden /> : icon && <Icon name={icon} />}
          {typeof children === "function" ? children({ ...state, defaultChildren: null }) : children}
        </>
      )}
    </AriaButton>
  );
}

/** A button that only shows an icon. Its label is for screen readers and the tooltip. */
export function IconButton({ label, icon, ...rest }: AriaButtonProps & { label: string; icon: IconName }) {
  return (
    <AriaButton {...rest} aria-label={label} className="icon-button">
      <Icon name={icon} />
    </AriaButton>
  );
}
