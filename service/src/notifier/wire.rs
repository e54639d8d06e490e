//! Messages between processes: the topic to read, with its organization.

use uuid::Uuid;

use super::{Notifier, Topic};

impl Notifier {
    /// Notifies this process's subscribers of the topic in another process's message.
    pub(super) fn hear(&self, text: &str) {
        if let Some(topic) = topic(text) {
            self.notify_here(topic);
            if let Topic::Jobs(_) = topic {
                self.notify_here(Topic::AllJobs);
            }
        }
    }
}

/// Returns the message for other processes. There is none for [`Topic::AllJobs`], which they derive
/// from [`Topic::Jobs`].
pub(super) fn text(topic: Topic) -> Option<String> {
    match topic {
        Topic::Queue => Some("queue".to_owned()),
        Topic::Jobs(id) => Some(format!("jobs {id}")),
        Topic::AuditLog(id) => Some(format!("log {id}")),
        Topic::Rights(id) => Some(format!("rights {id}")),
        Topic::AllJobs => None,
    }
}

fn topic(text: &str) -> Option<Topic> {
    if text == "queue" {
        return Some(Topic::Queue);
    }
    let (kind, id) = text.split_once(' ')?;
    let id = Uuid::parse_str(id).ok()?;
    match kind {
        "jobs" => Some(Topic::Jobs(id)),
        "log" => Some(Topic::AuditLog(id)),
        "rights" => Some(Topic::Rights(id)),
        // A topic of a newer version.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_read_back() {
        let id = Uuid::from_u128(7);
        for wanted in [Topic::Queue, Topic::Jobs(id), Topic::AuditLog(id), Topic::Rights(id)] {
            assert_eq!(text(wanted).as_deref().and_then(topic), Some(wanted));
        }
        assert_eq!(topic("moon 7"), None);
    }
}
