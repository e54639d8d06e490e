//! The transitions of a job's state machine.

use daybook_entity::job::JobState;

/// A transition from one state to another. Each is made in one place and recorded under its own
/// name.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// The job was requested.
    Requested,
    /// A worker claimed the job.
    Started,
    /// The job succeeded, with its artifact if the kind makes one.
    Succeeded,
    /// The job failed for good.
    Failed,
    /// The job was canceled on request.
    Canceled,
    /// The attempt failed, and another one follows.
    Retried,
    /// The process stopped during the attempt, which does not count.
    Interrupted,
    /// The lease expired, and another attempt follows.
    Rescued,
}

impl Transition {
    /// Every transition.
    pub const ALL: [Self; 8] = [
        Self::Requested,
        Self::Started,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
        Self::Retried,
        Self::Interrupted,
        Self::Rescued,
    ];

    /// Returns the states that the transition leads from; `None` stands for a job that does not
    /// exist yet.
    #[must_use]
    pub fn from(self) -> &'static [Option<JobState>] {
        match self {
            Self::Requested => &[None],
            Self::Started => &[Some(JobState::Queued)],
            Self::Canceled => &[Some(JobState::Queued), Some(JobState::Running)],
            Self::Succeeded | Self::Failed | Self::Retried | Self::Interrupted | Self::Rescued => {
                &[Some(JobState::Running)]
            }
        }
    }

    /// Returns the state that the transition leads to.
    #[must_use]
    pub fn to(self) -> JobState {
        match self {
            Self::Requested | Self::Retried | Self::Interrupted | Self::Rescued => JobState::Queued,
            Self::Started => JobState::Running,
            Self::Succeeded => JobState::Succeeded,
            Self::Failed => JobState::Failed,
            Self::Canceled => JobState::Canceled,
        }
    }

    /// Returns the transition's name in audit entries, such as `started` in `job.export.started`.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Retried => "retried",
            Self::Interrupted => "interrupted",
            Self::Rescued => "rescued",
        }
    }
}

/// Returns true if no transition leads out of this state.
pub(crate) fn is_final(state: JobState) -> bool {
    match state {
        JobState::Queued | JobState::Running => false,
        JobState::Succeeded | JobState::Failed | JobState::Canceled => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_are_those_of_the_published_state_machine() {
        use JobState::{Canceled, Failed, Queued, Running, Succeeded};
        let mut pairs: Vec<_> = Transition::ALL
            .iter()
            .flat_map(|transition| transition.from().iter().map(|from| (*from, transition.to())))
            .collect();
        pairs.sort_by_key(|pair| format!("{pair:?}"));
        pairs.dedup();
        let mut published = vec![
            (None, Queued),
            (Some(Queued), Running),
            (Some(Queued), Canceled),
            (Some(Running), Queued),
            (Some(Running), Succeeded),
            (Some(Running), Failed),
            (Some(Running), Canceled),
        ];
        published.sort_by_key(|pair| format!("{pair:?}"));
        assert_eq!(pairs, published);
    }

    #[test]
    fn nothing_leads_out_of_a_final_state() {
        for transition in Transition::ALL {
            assert!(
                transition.from().iter().flatten().all(|from| !is_final(*from)),
                "{transition:?}"
            );
        }
    }
}
