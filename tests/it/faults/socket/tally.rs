//! Compares the updates that a watcher received with what happened.

use std::collections::{HashMap, VecDeque};

/// One transition of one job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Transition {
    pub(super) job: String,
    pub(super) from: Option<String>,
    pub(super) to: String,
    pub(super) attempt: i64,
}

/// The difference between two sequences; none where they are equal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) lost: usize,
    /// Transitions that were received twice, or that never happened.
    pub(super) twice: usize,
    pub(super) out_of_order: usize,
}

/// Pairs the nth telling of a transition with the nth time that it happened: a job that is
/// interrupted may go the same way again.
pub(super) fn tally(told: &[Transition], happened: &[Transition]) -> Tally {
    let mut places: HashMap<&Transition, VecDeque<usize>> = HashMap::new();
    for (place, transition) in happened.iter().enumerate() {
        places.entry(transition).or_default().push_back(place);
    }
    let (mut tally, mut furthest) = (Tally::default(), 0);
    for transition in told {
        match places.get_mut(transition).and_then(VecDeque::pop_front) {
            None => tally.twice += 1,
            Some(place) if place < furthest => tally.out_of_order += 1,
            Some(place) => furthest = place,
        }
    }
    tally.lost = places.values().map(VecDeque::len).sum();
    tally
}

#[test]
fn tally_tells_lost_twice_and_out_of_order() {
    let transition =
        |to: &str| Transition { job: "job".to_owned(), from: None, to: to.to_owned(), attempt: 0 };
    let tally = |told: &str| {
        let sequence =
            |text: &str| -> Vec<_> { text.split_terminator("").skip(1).map(transition).collect() };
        let Tally { lost, twice, out_of_order } = tally(&sequence(told), &sequence("abcbd"));
        (lost, twice, out_of_order)
    };
    assert_eq!(tally("abcbd"), (0, 0, 0));
    assert_eq!(tally("abcd"), (1, 0, 0));
    assert_eq!(tally("abbcbd"), (0, 1, 1));
    assert_eq!(tally("abcbdd"), (0, 1, 0));
    assert_eq!(tally("bacbd"), (0, 0, 1));
    assert_eq!(tally("abcbdx"), (0, 1, 0));
    assert_eq!(tally(""), (5, 0, 0));
}
