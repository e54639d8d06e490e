//! The instance's secret, and the keys derived from it, one for each purpose.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

use crate::Clock;

/// Length of a truncated MAC inside an opaque value, in bytes.
const MAC_BYTES: usize = 12;
/// Separator between a previous secret and the time until which it is valid.
const UNTIL_SEPARATOR: &str = " until ";

/// The purpose of a derived key. A value made for one purpose is worthless for another.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signs bearer tokens.
    Token,
    /// Hashes API keys for storage.
    ApiKey,
    /// Signs download links.
    Link,
    /// Seals cursors and continuations.
    Cursor,
    /// Authenticates a backup's manifest.
    Backup,
    /// Identifies the secret that a database was made with.
    Fingerprint,
}

/// The instance's current secret, which signs, and previous secrets, which still verify.
///
/// As text, the first line is the current secret. Each further line is a previous secret and the
/// time until which its signatures are valid: `SECRET until 2026-12-24T12:00:00Z`. Without `until`,
/// they stay valid.
#[derive(Clone, Debug)]
pub struct Secret {
    ring: Arc<Ring>,
    clock: Clock,
}

#[derive(Debug)]
struct Ring {
    current: SecretSlice<u8>,
    previous: Vec<Previous>,
}

#[derive(Debug)]
struct Previous {
    secret: SecretSlice<u8>,
    until: Option<DateTime<Utc>>,
}

impl Secret {
    /// Fewest characters of a secret.
    pub const MIN_LENGTH: usize = 32;
    /// Most previous secrets. Each one slows down the refusal of an invalid value a little.
    pub const MAX_PREVIOUS: usize = 8;

    /// Parses a secret from configuration.
    ///
    /// # Errors
    /// A line is shorter than [`Self::MIN_LENGTH`] or has an invalid time, or there are too many
    /// lines. The text shows nothing of the secret.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let current = long_enough(lines.next().unwrap_or_default())?;
        let previous: Vec<_> = lines
            .enumerate()
            .map(|(index, line)| Previous::parse(index, line))
            .collect::<Result<_, _>>()?;
        if previous.len() > Self::MAX_PREVIOUS {
            let most = Self::MAX_PREVIOUS;
            return Err(format!("there may be at most {most} previous secrets, a line each"));
        }
        let ring = Arc::new(Ring { current, previous });
        Ok(Self { ring, clock: Clock::default() })
    }

    /// Returns the same secret with another clock, which determines how long previous secrets are
    /// valid.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the text of a secret that succeeds this one. This one becomes the first previous
    /// secret and stays valid for `keep` from `now` on.
    ///
    /// # Errors
    /// There are already [`Self::MAX_PREVIOUS`] previous secrets, or `keep` ends after the year
    /// 9999.
    pub fn rotated(&self, new: &str, keep: Duration, now: DateTime<Utc>) -> Result<String, String> {
        let until = TimeDelta::from_std(keep).ok().and_then(|keep| now.checked_add_signed(keep));
        let until = until.filter(|until| until.year() <= 9999).ok_or("is too long")?;
        let Ring { current, previous } = &*self.ring;
        if previous.len() >= Self::MAX_PREVIOUS {
            return Err(format!(
                "there are {} previous secrets already, which is the most: remove the last line",
                previous.len()
            ));
        }
        let mut text = format!("{new}\n{}", line(current, Some(until)));
        for Previous { secret, until } in previous {
            text.push_str(&line(secret, *until));
        }
        Ok(text)
    }

    /// Returns each secret on its own, the current one first.
    pub(crate) fn each(&self) -> impl Iterator<Item = Self> {
        let Ring { current, previous } = &*self.ring;
        let all = std::iter::once(current).chain(previous.iter().map(|previous| &previous.secret));
        all.map(|secret| Self {
            ring: Arc::new(Ring { current: secret.clone(), previous: Vec::new() }),
            clock: self.clock.clone(),
        })
    }

    /// Returns the key for `purpose`: HMAC-SHA-256 of the purpose's name under the secret, as in
    /// the expansion step of RFC 5869.
    #[must_use]
    pub fn key(&self, purpose: Purpose) -> [u8; 32] {
        derive(&self.ring.current, purpose)
    }

    /// Returns the keys whose signatures for `purpose` are valid now, the current secret's first.
    pub fn keys(&self, purpose: Purpose) -> impl Iterator<Item = [u8; 32]> {
        let Ring { current, previous } = &*self.ring;
        // The clock is read only if a previous secret has an end.
        let is_over = move |until: &Option<DateTime<Utc>>| {
            purpose.ends() && until.is_some_and(|until| until <= self.clock.now())
        };
        let previous = previous.iter().filter(move |previous| !is_over(&previous.until));
        let secrets = std::iter::once(current).chain(previous.map(|previous| &previous.secret));
        secrets.map(move |secret| derive(secret, purpose))
    }

    /// Returns the MAC of `parts` under the current secret's key for `purpose`.
    #[must_use]
    pub fn sign(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.key(purpose), parts)
    }

    /// Returns true if `tag` is the MAC of `parts` under a valid key, in constant time for each
    /// secret.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.keys(purpose).any(|key| hasher(&key, parts).verify_slice(tag).is_ok())
    }

    /// Returns true if `tag` was made with the current secret, not with a previous one.
    #[must_use]
    pub fn is_current(&self, purpose: Purpose, parts: &[&[u8]], tag: &[u8]) -> bool {
        hasher(&self.key(purpose), parts).verify_slice(tag).is_ok()
    }

    /// Returns `plain` opaque, tamper-proof and the same each time: a synthetic tag (RFC 5297's
    /// construction with HMAC), followed by the bytes under a pad that the tag selects.
    ///
    /// Not for secrets: sealing keeps clients from reading or forging positions, such as a feed
    /// number that would reveal to one tenant how busy the others are.
    #[must_use]
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let key = self.key(Purpose::Cursor);
        let tag = mac(&key, &[b"tag", &length(context), context, plain]);
        let mut sealed = tag[..MAC_BYTES].to_vec();
        sealed.extend_from_slice(plain);
        pad(&key, &tag[..MAC_BYTES], &mut sealed[MAC_BYTES..]);
        sealed
    }

    /// Returns the bytes that [`Self::seal`] sealed with the same context; none if `sealed` is
    /// anything else.
    #[must_use]
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (tag, body) = sealed.split_at_checked(MAC_BYTES)?;
        self.keys(Purpose::Cursor).find_map(|key| {
            let mut plain = body.to_vec();
            pad(&key, tag, &mut plain);
            let parts: [&[u8]; 4] = [b"tag", &length(context), context, &plain];
            hasher(&key, &parts).verify_truncated_left(tag).ok()?;
            Some(plain)
        })
    }
}

impl Purpose {
    /// Returns true if signatures of a previous secret become invalid when that secret ends. API
    /// keys and backups outlive their secret: a key is stored as its MAC under the secret, and a
    /// backup stays authentic.
    fn ends(self) -> bool {
        match self {
            Self::Token | Self::Link | Self::Cursor => true,
            Self::ApiKey | Self::Backup | Self::Fingerprint => false,
        }
    }
}

impl Previous {
    /// Parses line `index` after the first.
    fn parse(index: usize, line: &str) -> Result<Self, String> {
        let number = index + 2;
        let (secret, until) = match line.rsplit_once(UNTIL_SEPARATOR) {
            None => (line, None),
            Some((secret, until)) => {
                let until = DateTime::parse_from_rfc3339(until.trim()).map_err(|_| {
                    format!("line {number} must be SECRET until TIME, such as 2026-12-24T12:00:00Z")
                })?;
                (secret.trim(), Some(until.to_utc()))
            }
        };
        let secret = long_enough(secret).map_err(|error| format!("line {number}: {error}"))?;
        Ok(Self { secret, until })
    }
}

fn long_enough(text: &str) -> Result<SecretSlice<u8>, String> {
    if text.chars().count() < Secret::MIN_LENGTH {
        return Err(format!("the secret needs at least {} characters", Secret::MIN_LENGTH));
    }
    Ok(SecretSlice::from(text.as_bytes().to_vec()))
}

fn line(secret: &SecretSlice<u8>, until: Option<DateTime<Utc>>) -> String {
    let secret = String::from_utf8_lossy(secret.expose_secret());
    match until {
        None => format!("{secret}\n"),
        Some(until) => {
            format!(
                "{secret}{UNTIL_SEPARATOR}{}\n",
                until.to_rfc3339_opts(SecondsFormat::Secs, true)
            )
        }
    }
}

fn derive(secret: &SecretSlice<u8>, purpose: Purpose) -> [u8; 32] {
    let label: &[u8] = match purpose {
        Purpose::Token => b"daybook token v1\x01",
        Purpose::ApiKey => b"daybook api key v1\x01",
        Purpose::Link => b"daybook link v1\x01",
        Purpose::Cursor => b"daybook cursor v1\x01",
        Purpose::Backup => b"daybook backup v1\x01",
        Purpose::Fingerprint => b"daybook fingerprint v1\x01",
    };
    mac(secret.expose_secret(), &[label])
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

/// XORs the key stream that `tag` selects into `bytes`. A second call restores them.
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
    fn text_that_is_no_secret_is_refused_without_telling_it() {
        let long = "s".repeat(32);
        let many = format!("{long}\n").repeat(Secret::MAX_PREVIOUS + 2);
        for (text, words) in [
            ("hush", "at least 32 characters"),
            ("", "at least 32 characters"),
            (&format!("{long}\nhush"), "line 2: the secret needs"),
            (&format!("{long}\n{long} until hush"), "line 2 must be SECRET until TIME"),
            (&many, "at most 8 previous secrets"),
        ] {
            let error = Secret::new(text).expect_err(text);
            assert!(error.contains(words) && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn what_a_previous_secret_signed_holds_until_its_time() {
        let (clock, old) = (Clock::default(), secret());
        let hour = Duration::from_secs(3600);
        let text = old.rotated(&"n".repeat(32), hour, clock.now()).expect("room for one");
        let new = Secret::new(&text).expect("a secret").with_clock(clock.clone());
        let (sealed, tag) = (old.seal(b"here", b"7"), old.sign(Purpose::Link, &[b"file"]));
        let hash = old.sign(Purpose::ApiKey, &[b"key"]);
        let holds = || new.verify(Purpose::Link, &[b"file"], &tag);
        assert!(holds() && new.open(b"here", &sealed) == Some(b"7".to_vec()));
        assert_ne!(new.seal(b"here", b"7"), sealed, "the new one seals");
        clock.advance(hour);
        assert!(!holds() && new.open(b"here", &sealed).is_none());
        assert!(new.verify(Purpose::ApiKey, &[b"key"], &hash), "API keys go on");
        assert!(!new.is_current(Purpose::ApiKey, &[b"key"], &hash));
    }
}
