//! Viewers: the authors of requests, as their credentials name them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::subject;
use crate::Result;

/// The author of a request, as named by the credential, before any organization is considered.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The subject whose memberships count.
    pub subject: String,
    /// The subject's e-mail address, shown to people.
    pub email: Option<String>,
    /// The credential that proves the subject.
    pub authority: Authority,
    /// Correlates what this request did in the logs and in audit entries.
    pub request_id: Option<String>,
    /// The W3C `traceparent` of the request, if it had one.
    pub traceparent: Option<String>,
    /// The address that the request came from.
    pub address: Option<IpAddr>,
    /// The user agent that the request came from.
    pub user_agent: Option<String>,
}

/// The credential that proves a viewer's subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// A signed token, until it expires.
    Token {
        /// The time at which the token expires.
        expires_at: DateTime<Utc>,
    },
    /// An API key, until it is revoked or expires.
    ApiKey {
        /// The one organization in which the key is valid.
        organization_id: Uuid,
        /// The time at which the key expires; none if it does not expire.
        expires_at: Option<DateTime<Utc>>,
    },
    /// Daybook itself, which may do everything.
    CommandLine,
    /// The `daybook` command on a host that has the instance's secret and database. It may do
    /// everything.
    Host(HostUser),
}

/// The person who runs `daybook` on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostUser {
    /// The name of the operating system's user.
    pub name: String,
    /// The name of the host.
    pub host: String,
}

impl Authority {
    /// True if the credential allows everything without a role.
    pub(crate) fn is_unlimited(&self) -> bool {
        match self {
            Self::CommandLine | Self::Host(_) => true,
            Self::Token { .. } | Self::ApiKey { .. } => false,
        }
    }
}

impl Viewer {
    /// Returns the viewer for a person who runs `daybook` on the command line. Its subject is
    /// `acts_as`, if given, and otherwise that of the operating system's user, such as
    /// `os-user:ada@web-1`.
    ///
    /// # Errors
    /// `acts_as` is not a valid subject.
    pub fn on_host(user: HostUser, acts_as: Option<&str>) -> Result<Self> {
        let subject = match acts_as {
            Some(subject) => {
                subject::check(subject, &["DAYBOOK_AS"])?;
                subject.to_owned()
            }
            None => subject::of_host_user(&user.name, &user.host),
        };
        Ok(Self { authority: Authority::Host(user), ..Self::command_line(&subject) })
    }

    /// Returns the viewer for Daybook itself, with the given subject.
    #[must_use]
    pub fn command_line(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            email: None,
            authority: Authority::CommandLine,
            request_id: None,
            traceparent: None,
            address: None,
            user_agent: None,
        }
    }

    /// Returns the time at which the credential expires; none if it does not expire.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.authority {
            Authority::Token { expires_at } => Some(expires_at),
            Authority::ApiKey { expires_at, .. } => expires_at,
            Authority::CommandLine | Authority::Host(_) => None,
        }
    }

    /// True if the credential has expired at `now`.
    #[must_use]
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at().is_some_and(|expires_at| expires_at <= now)
    }
}
