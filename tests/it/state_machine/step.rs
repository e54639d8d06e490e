//! The possible steps, and how often each is tried.

use std::time::Duration;

use daybook_entity::job::JobErrorCode;
use proptest::{collection::vec, option, prelude::*, sample::Index};

/// A step with the jobs of one organization. An index selects from what exists.
#[derive(Copy, Clone, Debug)]
pub(super) enum Step {
    /// Concurrent requests with one input.
    Start { by: usize, input: usize, key: Option<usize>, at_once: usize },
    /// A worker claims jobs for its free slots.
    Claim { free: usize },
    /// An attempt says that it is alive.
    Beat(Which),
    /// An attempt does its work; nothing of it is visible yet.
    Work(Which),
    /// An attempt ends.
    Finish(Which, How),
    /// All attempts that have not ended do, at the same time.
    FinishAll(How),
    /// Somebody requests the cancellation of a job.
    Cancel { by: usize, job: Index },
    /// Somebody retries a job.
    Retry { by: usize, job: Index },
    /// Jobs are rescued whose lease has expired.
    Rescue,
    /// Time passes.
    Wait(Duration),
    /// The janitor removes what has expired.
    Sweep,
    /// A requester loses the role that it needs, or gets it back.
    ChangeRole { of: usize },
}

/// Choice of an attempt.
#[derive(Copy, Clone, Debug)]
pub(super) enum Which {
    /// One that holds its job.
    Holding(Index),
    /// One of the latest, most of which have ended or lost their job.
    Any(Index),
}

/// Way in which an attempt ends.
#[derive(Copy, Clone, Debug)]
pub(super) enum How {
    /// The attempt delivers its file, if it still holds the job.
    Succeed,
    /// The attempt fails, and another one may succeed.
    Retry(JobErrorCode),
    /// The attempt fails, and no other one can succeed.
    Fail(JobErrorCode),
    /// The process stops, or whoever watches over the attempt says that it is over.
    Interrupt,
}

/// Subjects that make requests.
pub(super) const SUBJECTS: [&str; 2] = ["ada", "bob"];
/// Time that is longer than a lease.
const LAPSE: Duration = Duration::from_secs(31);
/// Time that is longer than any pause between attempts.
const PAUSE: Duration = Duration::from_secs(600);
/// Times that are longer than artifacts are kept, and than transitions are kept.
const KEPT: [Duration; 2] = [Duration::from_secs(25 * 3600), Duration::from_secs(31 * 24 * 3600)];

/// Any steps, or those that use up attempts; from none on, so that what fails is made as short as it can be.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = vec(any_step(), 0..55);
    let wearing = (start(), vec(wearing_step(), 0..16))
        .prop_map(|(start, groups)| [vec![one(start)], groups].concat());
    prop_oneof![flat(any), flat(wearing)]
}

fn flat(groups: impl Strategy<Value = Vec<Vec<Step>>>) -> impl Strategy<Value = Vec<Step>> {
    groups.prop_map(|groups| groups.concat())
}

fn any_step() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        5 => start().prop_map(one),
        7 => life(),
        4 => claim().prop_map(one),
        4 => which().prop_map(|which| one(Step::Beat(which))),
        2 => which().prop_map(|which| one(Step::Work(which))),
        9 => (which(), how()).prop_map(|(which, how)| one(Step::Finish(which, how))),
        1 => how().prop_map(|how| one(Step::FinishAll(how))),
        3 => (by(), any::<Index>()).prop_map(|(by, job)| one(Step::Cancel { by, job })),
        3 => (by(), any::<Index>()).prop_map(|(by, job)| one(Step::Retry { by, job })),
        1 => Just(one(Step::Rescue)),
        2 => Just(lapse()),
        3 => wait().prop_map(|time| one(Step::Wait(time))),
        1 => Just(one(Step::Sweep)),
        2 => kept(),
        1 => by().prop_map(|of| one(Step::ChangeRole { of })),
    ]
}

/// From a request on, often to the end of its attempt.
fn life() -> impl Strategy<Value = Vec<Step>> {
    (start(), claim(), which(), how()).prop_map(|(start, claim, which, how)| {
        vec![start, claim, Step::Beat(which), Step::Finish(which, how)]
    })
}

fn wearing_step() -> impl Strategy<Value = Vec<Step>> {
    let silent = (claim(), 1..=6_usize)
        .prop_map(|(claim, times)| [vec![claim], lapse()].concat().repeat(times));
    let retry = (claim(), which(), retryable()).prop_map(|(claim, which, code)| {
        vec![claim, Step::Finish(which, How::Retry(code)), Step::Wait(PAUSE)]
    });
    prop_oneof![
        2 => start().prop_map(one),
        6 => silent,
        3 => retry,
        1 => kept(),
    ]
}

fn one(step: Step) -> Vec<Step> {
    vec![step]
}

fn lapse() -> Vec<Step> {
    vec![Step::Wait(LAPSE), Step::Rescue]
}

/// Returns steps that expire what is kept for a limited time.
fn kept() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![Just(KEPT[0]), Just(KEPT[1])].prop_map(|time| vec![Step::Wait(time), Step::Sweep])
}

fn by() -> impl Strategy<Value = usize> {
    0..SUBJECTS.len()
}

fn start() -> impl Strategy<Value = Step> {
    (by(), 0..3_usize, option::of(0..9_usize), 1..=2_usize)
        .prop_map(|(by, input, key, at_once)| Step::Start { by, input, key, at_once })
}

fn claim() -> impl Strategy<Value = Step> {
    prop_oneof![3 => Just(1), 1 => Just(4)].prop_map(|free| Step::Claim { free })
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        4 => any::<Index>().prop_map(Which::Holding),
        1 => any::<Index>().prop_map(Which::Any),
    ]
}

fn how() -> impl Strategy<Value = How> {
    use JobErrorCode::{Internal, SourceChanged};
    prop_oneof![
        4 => Just(How::Succeed),
        2 => retryable().prop_map(How::Retry),
        1 => prop_oneof![Just(Internal), Just(SourceChanged)].prop_map(How::Fail),
        3 => Just(How::Interrupt),
    ]
}

fn retryable() -> impl Strategy<Value = JobErrorCode> {
    use JobErrorCode::{Internal, Storage, Timeout};
    prop_oneof![Just(Internal), Just(Storage), Just(Timeout)]
}

fn wait() -> impl Strategy<Value = Duration> {
    prop_oneof![
        2 => Just(Duration::from_millis(400)),
        2 => Just(Duration::from_secs(11)),
        3 => Just(PAUSE),
    ]
}
