//! Writes one object to the store.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use super::{Compression, Ending, Store, Stored, compression::Compressor, seal, upload::Upload};
use crate::{Fault, Result};

/// Number of bytes compressed at once, which blocks the thread for a few milliseconds.
const COMPRESS_BYTES: usize = 64 * 1024;

/// Writer of one object. Holds one part at a time in memory, however large the object becomes.
pub struct Writer {
    store: Store,
    key: String,
    /// The upload, begun by the first part. An object smaller than a part is stored in one step.
    upload: Option<Upload>,
    compressor: Compressor,
    /// Compression that the seal is made for; [`Compression::None`] for a file without a seal.
    sealed: Compression,
    /// Buffer for the compressor's output; empty between two calls.
    ready: Vec<u8>,
    part: BytesMut,
    hasher: Sha256,
    size_bytes: u64,
}

impl Store {
    /// Begins to write an object, which becomes visible once [`Writer::finish`] succeeds.
    ///
    /// # Errors
    /// A compressor that can't be created.
    pub fn write(&self, key: &str, compression: Compression, ending: Ending) -> Result<Writer> {
        Writer::new(self, key, (compression, ending))
    }
}

impl Writer {
    fn new(store: &Store, key: &str, (compression, ending): (Compression, Ending)) -> Result<Self> {
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

    /// Appends `bytes`. Returns an empty buffer to use for the next bytes.
    ///
    /// # Errors
    /// A fault of the store.
    pub async fn write(&mut self, mut bytes: Vec<u8>) -> Result<Vec<u8>> {
        let is_stored_as_it_is = matches!(self.compressor, Compressor::None);
        if is_stored_as_it_is && self.store.takes_as_part(bytes.len()) {
            return self.put_whole(bytes).await;
        }
        for slice in bytes.chunks(COMPRESS_BYTES) {
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

    /// Stores the rest of the object, and makes it visible under its key.
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

    /// Aborts the upload and removes its stored parts. Logs a warning if that fails.
    pub async fn abort(self) {
        let Some(upload) = self.upload else { return };
        if let Err(error) = upload.abort().await {
            tracing::warn!(artifact.key = self.key, %error, "upload could not be aborted; the sweep removes it");
        }
    }

    /// Appends bytes to the stored file, after any compression.
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

    /// Stores `bytes` as a part without copying them, and returns the buffer, emptied.
    async fn put_whole(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        for slice in bytes.chunks(COMPRESS_BYTES) {
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
        // The store is done with the part, so its memory is reused for the next one.
        self.part = part
            .try_into_mut()
            .unwrap_or_else(|_| BytesMut::with_capacity(self.store.part_bytes()));
        self.part.clear();
        Ok(())
    }

    /// Stores a part. The first part begins the upload.
    async fn upload(&mut self, part: Bytes) -> Result<()> {
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.store.begin(&self.key).await?),
        };
        upload.put_part(part).await
    }
}

fn cannot(error: std::io::Error) -> Fault {
    Fault::encode("the compressed file", error)
}
