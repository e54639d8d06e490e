import { useState } from "react";
import { Menu, Button as MenuButton, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { Button } from "../controls/button";
import { Overlay } from "../controls/dialog";
import { Icon } from "../controls/icon";
import { plural } from "../format/number";
import { countDrafts, discardAll } from "../notes/drafts";
import { isGuarded } from "../routing/guard";
import { signOut } from "../session/token";
import { useViewer } from "../session/viewer";
import type { Place } from "./places";
import { setTheme, useTheme } from "./theme";

const ROLES = { ADMIN: "Administrator", AUDITOR: "Auditor", WRITER: "Writer", MEMBER: "Member" } as const;

/** Menu with the signed-in user and role, the theme, and signing out. */
export function AccountMenu({ place }: { place: Place }) {
  const viewer = useViewer();
  const theme = useTheme();
  const name = viewer.email ?? viewer.subject;
  const [drafts, setDrafts] = useState(0);
  const leave = () => {
    const unsaved = countDrafts();
    if (unsaved > 0 || isGuarded()) setDrafts(Math.max(1, unsaved));
    else signOut();
  };
  const role = place.kind === "instance" ? "Operator" : ROLES[place.membership.role];
  return (
    <>
      <MenuTrigger>
        <MenuButton className="account">
          <span className="visually-hidden">Account:</span>
          <span className="avatar" aria-hidden>
            {name.slice(0, 1).toUpperCase()}
          </span>
          <span className="account-text">
            <span className="account-name">{name}</span>
            <span className="account-role">{role}</span>
          </span>
        </MenuButton>
        <Popover className="popover" placement="top start">
          <Menu className="list-box" aria-label="Account">
            <MenuItem className="list-item" onAction={() => setTheme(theme === "dark" ? "light" : "dark")}>
              <Icon name={theme === "dark" ? "sun" : "moon"} />
              {theme === "dark" ? "Light theme" : "Dark theme"}
            </MenuItem>
            <MenuItem className="list-item" onAction={leave}>
              <Icon name="signOut" />
              Sign out
            </MenuItem>
          </Menu>
        </Popover>
      </MenuTrigger>
      <SignOutDialog drafts={drafts} onStay={() => setDrafts(0)} />
    </>
  );
}

/** Asks before signing out discards unsaved notes. */
function SignOutDialog({ drafts, onStay }: { drafts: number; onStay: () => void }) {
  return (
    <Overlay title="Sign out and lose unsaved notes?" isOpen={drafts > 0} onClose={onStay}>
      <div className="dialog-content">
        <p>
          {plural(drafts, "note")} in this tab {drafts === 1 ? "is" : "are"} not saved. If you sign out, your
          text is discarded.
        </p>
        <footer className="dialog-footer">
          <Button variant="primary" onPress={onStay}>
            Stay
          </Button>
          <Button
            variant="danger"
            onPress={() => {
              signOut();
              discardAll();
            }}
          >
            Discard and sign out
          </Button>
        </footer>
      </div>
    </Overlay>
  );
}
