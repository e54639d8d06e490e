import type { ReactNode } from "react";
import { Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { IconButton } from "./button";

interface OverlayProps {
  title: ReactNode;
  isOpen: boolean;
  onClose: () => void;
  children: ReactNode;
  /** Buttons next to the close button. */
  actions?: ReactNode;
  /** Centered dialog, or a sheet at the side of the window. */
  shape?: "dialog" | "sheet";
}

/** A modal: takes the focus, returns it, and closes with Escape. */
export function Overlay({ title, isOpen, onClose, children, actions, shape = "dialog" }: OverlayProps) {
  return (
    <ModalOverlay
      className={`overlay overlay-${shape}`}
      isOpen={isOpen}
      isDismissable
      onOpenChange={(next) => {
        if (!next) onClose();
      }}
    >
      <Modal className={`modal modal-${shape}`}>
        <Dialog className="modal-body">
          <header className="modal-header">
            <Heading slot="title" className="modal-title">
              {title}
            </Heading>
            <div className="modal-actions">
              {actions}
              <IconButton label="Close" icon="close" onPress={onClose} />
            </div>
          </header>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
