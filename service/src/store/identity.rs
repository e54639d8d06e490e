//! Identity of a store: processes that read the same identity share the store, whatever path or URL
//! each knows it by.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use futures::TryStreamExt;
use object_store::{ObjectStore, PutMode, PutOptions, path::Path as Key};

use super::Store;
use crate::{Error, Fault, Result, private::STORE_IDENTITY, random, text::hex};

/// Mode of the identity's file if the store is a folder.
const OWNER_ONLY: u32 = 0o600;
/// Length of an identity in bytes; its text has two hexadecimal digits for each.
const IDENTITY_BYTES: usize = 16;

impl Store {
    /// Returns the identity of the store, and creates it on first use.
    ///
    /// # Errors
    /// A fault of the store; an identity that Daybook did not create.
    pub async fn identity(&self) -> Result<String> {
        let known = self.identity.get_or_try_init(|| async {
            if let Some(known) = self.known_identity().await? {
                return Ok(known);
            }
            self.make_identity().await
        });
        known.await.cloned()
    }

    /// Returns the identity of the store, or `None` if it has none yet.
    ///
    /// # Errors
    /// The same as [`Self::identity`].
    pub async fn known_identity(&self) -> Result<Option<String>> {
        let bytes = match self.read(STORE_IDENTITY, None).await {
            Ok(bytes) => bytes.try_collect::<Vec<_>>().await?.concat(),
            Err(Error::Fault(Fault::Store(object_store::Error::NotFound { .. }))) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        let is_ours =
            text.len() == 2 * IDENTITY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_ours {
            return Ok(Some(text));
        }
        let message = format!(
            "{STORE_IDENTITY} in the artifact store is not what Daybook wrote: put it back, or remove it to \
             have another one made"
        );
        Err(Fault::misconfigured(message).into())
    }

    /// Restricts the identity's file to its owner, whatever the umask, like all files of a folder.
    fn tighten_identity(&self) -> Result<()> {
        let Some(file) = self.file(STORE_IDENTITY) else { return Ok(()) };
        match std::fs::set_permissions(&file, Permissions::from_mode(OWNER_ONLY)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                let context = format!("can't change the mode of {}", file.display());
                Err(Fault::Io { context, source }.into())
            }
            // A folder that does not exist has no such file.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn make_identity(&self) -> Result<String> {
        let made = hex(&random::bytes::<IDENTITY_BYTES>());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let key = Key::from(STORE_IDENTITY);
        let stored = self.objects.put_opts(&key, made.clone().into(), options).await;
        match stored {
            Ok(_) => {
                self.tighten_identity()?;
                return Ok(made);
            }
            // Another process that started at the same time was first.
            Err(object_store::Error::AlreadyExists { .. }) => {}
            // Not every bucket supports conditional creation: there, the last process wins.
            Err(_) => self.put(STORE_IDENTITY, made.into()).await?,
        }
        let gone = || Fault::Missing(format!("{STORE_IDENTITY} of the artifact store"));
        Ok(self.known_identity().await?.ok_or_else(gone)?)
    }
}
