//! The instance's secret and the keys derived from it, one for each purpose.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// Length of a truncated MAC inside an opaque value, in bytes.
const TAG: usize = 12;

/// What a derived key is for: a value made for one purpose is worth nothing for another.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing bearer tokens.
    Token,
    /// Keeping API keys as hashes.
    ApiKey,
    /// Signing download links.
    Link,
    /// Sealing cursors and continuations.
    Cursor,
    /// Authenticating a backup's manifest.
    Backup,
    /// Telling whether a database was made with this secret.
    Fingerprint,
}

/// The instance's secret: signs tokens and links.
#[derive(Clone, Debug)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Fewest characters that a secret may have.
    pub const MIN_LENGTH: usize = 32;

    /// A secret from configuration.
    ///
    /// # Errors
    /// Where it's shorter than [`Self::MIN_LENGTH`]; gives what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() < Self::MIN_LENGTH {
            let least = Self::MIN_LENGTH;
            return Err(format!("the secret needs at least {least} characters"));
        }
        Ok(Self(SecretSlice::from(text.as_bytes().to_vec())))
    }

    /// The key for `purpose`: HMAC-SHA-256 of the purpose's name under the secret, as in the
    /// expansion step of RFC 5869.
    #[must_use]
    pub fn key(&self, purpose: Purpose) -> [u8; 32] {
        let label: &[u8] = match purpose {
            Purpose::Token => b"daybook token v1\x01",
            Purpose::ApiKey => b"daybook api key v1\x01",
            Purpose::Link => b"daybook link v1\x01",
            Purpose::Cursor => b"daybook cursor v1\x01",
            Purpose::Backup => b"daybook backup v1\x01",
            Purpose::Fingerprint => b"daybook fingerprint v1\x01",
        };
        mac(self.0.expose_secret(), &[label])
    }

    /// MAC of `parts` under the key for `purpose`.
    #[must_use]
    pub fn sign(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.key(purpose), parts)
    }

    /// Whether `tag` is the MAC of `parts`, compared in constant time.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, parts: &[&[u8]], tag: &[u8]) -> bool {
        hasher(&self.key(purpose), parts).verify_slice(tag).is_ok()
    }

    /// `plain` made opaque and tamper-proof, and the same each time: a synthetic tag (RFC 5297's
    /// construction with HMAC) followed by the bytes under a pad that the tag selects.
    ///
    /// Not for secrets: it keeps clients from reading or forging positions, such as a feed number
    /// that would tell one tenant how busy the others are.
    #[must_use]
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let key = self.key(Purpose::Cursor);
        let tag = mac(&key, &[b"tag", &length(context), context, plain]);
        let mut sealed = tag[..TAG].to_vec();
        sealed.extend_from_slice(plain);
        pad(&key, &tag[..TAG], &mut sealed[TAG..]);
        sealed
    }

    /// What [`Self::seal`] was given, if this is its result for the same context.
    #[must_use]
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (tag, body) = sealed.split_at_checked(TAG)?;
        let key = self.key(Purpose::Cursor);
        let mut plain = body.to_vec();
        pad(&key, tag, &mut plain);
        let parts: [&[u8]; 4] = [b"tag", &length(context), context, &plain];
        hasher(&key, &parts).verify_truncated_left(tag).ok()?;
        Some(plain)
    }
}

fn hasher(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut hasher = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        hasher.update(part);
    }
    hasher
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    hasher(key, parts).finalize().into_bytes().into()
}

fn length(bytes: &[u8]) -> [u8; 8] {
    (bytes.len() as u64).to_be_bytes()
}

/// Adds the key stream that `tag` selects to `bytes`; twice gives them back.
fn pad(key: &[u8], tag: &[u8], bytes: &mut [u8]) {
    for (block, chunk) in bytes.chunks_mut(32).enumerate() {
        let stream = mac(key, &[b"pad", tag, &(block as u64).to_be_bytes()]);
        for (byte, stream) in chunk.iter_mut().zip(stream) {
            *byte ^= stream;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secret() -> Secret {
        Secret::new("0123456789abcdef0123456789abcdef").expect("long enough")
    }

    proptest! {
        #[test]
        fn sealed_bytes_open_only_whole_and_in_their_context(
            plain in proptest::collection::vec(any::<u8>(), 0..200),
            bit in 0usize..4096,
        ) {
            let mut sealed = secret().seal(b"here", &plain);
            prop_assert_eq!(secret().open(b"here", &sealed), Some(plain));
            prop_assert_eq!(secret().open(b"there", &sealed), None);
            let bit = bit % (sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(secret().open(b"here", &sealed), None);
        }
    }

    #[test]
    fn short_secret_is_refused() {
        assert!(Secret::new("short").is_err());
    }
}
