//! The transitions of the state machine: which transitions there are.

use daybook_entity::job::JobState;

/// A way from one state to another. Each is made in one place and recorded under its own name.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// Somebody asked for the job.
    Requested,
    /// A worker claimed it.
    Started,
    /// It produced its artifact.
    Succeeded,
    /// It was given up.
    Failed,
    /// It was stopped on request.
    Canceled,
    /// The attempt failed; another one follows.
    Retried,
    /// The process stopped; the attempt does not count.
    Interrupted,
    /// The lease ran out; another attempt follows.
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

    /// The states that it leads from; none is a job that isn't there yet.
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

    /// The state that it leads to.
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

    /// Its name in audit entries: `job.export.started`.
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

/// Whether nothing can happen to a job in this state any more.
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
