import { Button, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { Icon } from "../controls/icon";
import { signOut } from "../session/token";
import { useViewer } from "../session/viewer";
import type { Place } from "./places";
import { setTheme, useTheme } from "./theme";

const ROLES = { ADMIN: "Administrator", AUDITOR: "Auditor", WRITER: "Writer", MEMBER: "Member" } as const;

/** Who is signed in, as what; the theme; the way out. */
export function AccountMenu({ place }: { place: Place }) {
  const viewer = useViewer();
  const theme = useTheme();
  const name = viewer.email ?? viewer.subject;
  const role = place.kind === "instance" ? "Operator" : ROLES[place.membership.role];
  return (
    <MenuTrigger>
      <Button className="account">
        <span className="visually-hidden">Account:</span>
        <span className="avatar" aria-hidden>
          {name.slice(0, 1).toUpperCase()}
        </span>
        <span className="account-text">
          <span className="account-name">{name}</span>
          <span className="account-role">{role}</span>
        </span>
      </Button>
      <Popover className="popover" placement="top start">
        <Menu className="list-box" aria-label="Account">
          <MenuItem className="list-item" onAction={() => setTheme(theme === "dark" ? "light" : "dark")}>
            <Icon name={theme === "dark" ? "sun" : "moon"} />
            {theme === "dark" ? "Light theme" : "Dark theme"}
          </MenuItem>
          <MenuItem className="list-item" onAction={signOut}>
            <Icon name="signOut" />
            Sign out
          </MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}
