//! Writing one object to the store.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::{Compression, Ending, Store, Stored, compression::Compressor, seal, upload::Upload};
use crate::{Fault, Result};

/// Bytes that are compressed at once: a few milliseconds in which no other task has the thread.
const SLICE: usize = 64 * 1024;

/// An object being written: holds one part at a time, however long the object becomes.
pub struct Writer {
    store: Store,
    key: String,
    /// Begun by the first part: an object shorter than that is stored in one step.
    upload: Option<Upload>,
    compressor: Compressor,
    /// Compression of the seal that the file is to end with; none for one without.
    sealed: Compression,
    /// What the compressor has ready, between two calls empty.
    ready: Vec<u8>,
    part: BytesMut,
    hasher: Sha256,
    size_bytes: u64,
}

impl Writer {
    pub(super) fn new(
        store: &Store,
        key: &str,
        (compression, ending): (Compression, Ending),
    ) -> Result<Self> {
        Ok(Self {
            sealed: match ending {
                Ending::Plain => Compression::None,
                Ending::Sealed => compression,
            },
            key: key.to_owned(),
            upload: None,
            compressor: Compressor::new(compression).map_err(cannot)?,
            ready: Vec::new(),
            part: BytesMut::with_capacity(store.part_bytes()),
            store: store.clone(),
            hasher: Sha256::new(),
            size_bytes: 0,
        })
    }

    /// Appends `bytes`; an empty buffer for what follows them.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn write(&mut self, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        let is_stored_as_it_is = matches!(self.compressor, Compressor::None);
        if is_stored_as_it_is && self.store.takes_as_part(bytes.len()) {
            return self.put_whole(bytes).await;
        }
        for slice in bytes.chunks(SLICE) {
            if is_stored_as_it_is {
                self.put(slice).await?;
            } else {
                let mut ready = std::mem::take(&mut self.ready);
                self.compressor.push(slice, &mut ready).map_err(cannot)?;
                self.put(&ready).await?;
                ready.clear();
                self.ready = ready;
            }
            tokio::task::coop::consume_budget().await;
        }
        bytes.clear();
        Ok(bytes)
    }

    /// Makes the object visible, whole.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn finish(mut self) -> Result<Stored> {
        let mut ready = std::mem::take(&mut self.ready);
        let compressor = std::mem::replace(&mut self.compressor, Compressor::None);
        compressor.finish(&mut ready).map_err(cannot)?;
        self.put(&ready).await?;
        let seal = seal::seal(self.sealed, self.hasher.clone().finalize().into());
        self.put(&seal).await?;
        if self.upload.is_some() && !self.part.is_empty() {
            self.put_part().await?;
        }
        match self.upload.take() {
            Some(upload) => upload.complete().await?,
            None => self.store.put(&self.key, self.part.freeze()).await?,
        }
        let store = self.store.identity().await?;
        let Self { key, hasher, size_bytes, .. } = self;
        Ok(Stored { key, size_bytes, sha256: hasher.finalize().into(), store })
    }

    /// Gives it up and removes what was written of it.
    pub async fn abort(self) {
        let Some(upload) = self.upload else { return };
        if let Err(error) = upload.abort().await {
            tracing::warn!(artifact.key = self.key, %error, "upload could not be aborted; the sweep removes it");
        }
    }

    /// Appends bytes of the file as it is to be stored.
    async fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
        let size = self.store.part_bytes();
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(size - self.part.len()));
            self.part.extend_from_slice(now);
            if self.part.len() == size {
                self.put_part().await?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// Makes `bytes` a part, without copying them, and gives them back empty.
    async fn put_whole(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        for slice in bytes.chunks(SLICE) {
            self.hasher.update(slice);
            tokio::task::coop::consume_budget().await;
        }
        self.size_bytes += bytes.len() as u64;
        if !self.part.is_empty() {
            self.put_part().await?;
        }
        let part = Bytes::from(bytes);
        self.upload(part.clone()).await?;
        let mut bytes = part.try_into_mut().map_or_else(|_| Vec::new(), Vec::from);
        bytes.clear();
        Ok(bytes)
    }

    async fn put_part(&mut self) -> Result<()> {
        let part = std::mem::take(&mut self.part).freeze();
        self.upload(part.clone()).await?;
        // Whoever stored it is done with it: the next part has its place.
        self.part = part
            .try_into_mut()
            .unwrap_or_else(|_| BytesMut::with_capacity(self.store.part_bytes()));
        self.part.clear();
        Ok(())
    }

    /// Stores a part, the first of which begins the upload.
    async fn upload(&mut self, part: Bytes) -> Result<()> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.store.begin(&self.key).await?),
        };
        upload.put_part(part).await
    }
}

fn cannot(source: std::io::Error) -> Fault {
    Fault::Io { context: "can't compress a file".to_owned(), source }
}
