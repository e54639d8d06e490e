//! A backup's file as it was written.

use super::{fill_script::FillScript, manifest::Manifest, progress::Progress};

/// Description of the written file, with which a restored copy is compared.
pub(super) struct Written {
    pub(super) manifest: Manifest,
    pub(super) script: FillScript,
    pub(super) progress: Progress,
}
