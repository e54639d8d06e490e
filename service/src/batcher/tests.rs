//! Laws of the batcher: order, one answer for each item, failures that stay where they belong, and
//! limits.

use std::{
    collections::HashSet,
    future::Future,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use futures::{FutureExt, future::join_all};
use proptest::prelude::*;
use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
    time::timeout,
};

use super::*;

/// Time after which a caller without an answer is one who was forgotten.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(20);
/// Number of keys under which items are submitted.
const KEYS: u8 = 3;

/// The outcome of storing an item.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Fate {
    Stored,
    /// Refused by itself: its neighbors are stored.
    Refused,
    /// No batch with the item can be stored.
    Fails,
    /// A batch with the item is stored, but its commit fails.
    Unknown,
    /// Storing a batch with the item panics.
    Panics,
}

#[derive(Copy, Clone, Debug)]
struct Item {
    id: usize,
    key: u8,
    size: usize,
    fate: Fate,
}

/// A table that stores items.
#[derive(Debug, Default)]
struct Table {
    /// The IDs of stored items, by key.
    rows: Mutex<HashMap<u8, Vec<usize>>>,
    /// The sizes of the items of each batch that was tried.
    batches: Mutex<Vec<Vec<usize>>>,
    /// The keys of which a batch is being stored.
    busy: Mutex<HashSet<u8>>,
    /// True while nothing can be stored.
    is_blocked: AtomicBool,
    /// Notified when a batch begins, and when the table is no longer blocked.
    changed: Notify,
}

/// Marks a key of which a batch is being stored.
struct Busy<'a>(&'a Table, u8);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.lock().unwrap().remove(&self.1);
    }
}

impl Table {
    async fn store(&self, key: u8, items: Vec<Arc<Item>>) -> Result<Vec<Result<usize>>> {
        assert!(self.busy.lock().unwrap().insert(key), "two batches of a key at once");
        let _busy = Busy(self, key);
        self.batches.lock().unwrap().push(items.iter().map(|item| item.size).collect());
        self.changed.notify_waiters();
        tokio::task::yield_now().await;
        self.until(|| !self.is_blocked.load(Relaxed)).await;
        let has = |fate| items.iter().any(|item| item.fate == fate);
        assert!(!has(Fate::Panics), "the table has a fault");
        if has(Fate::Fails) {
            return Err(Fault::Bug("a bad item".to_owned()).into());
        }
        let stored = items.iter().filter(|item| item.fate != Fate::Refused).map(|item| item.id);
        self.rows.lock().unwrap().entry(key).or_default().extend(stored);
        if has(Fate::Unknown) {
            return Err(Fault::CommitUnknown(DbErr::Custom("cut".to_owned())).into());
        }
        let answer = |item: &Arc<Item>| match item.fate {
            Fate::Refused => Err(Error::invalid(&[], "refused")),
            _ => Ok(item.id),
        };
        Ok(items.iter().map(answer).collect())
    }

    async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if is_so() {
                return;
            }
            changed.await;
        }
    }

    fn block(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Relaxed);
        self.changed.notify_waiters();
    }

    fn rows(&self, key: u8) -> Vec<usize> {
        self.rows.lock().unwrap().get(&key).cloned().unwrap_or_default()
    }
}

type TableBatcher = Batcher<u8, Item, usize>;

fn batcher(max_batch: usize, max_waiting: usize) -> (Arc<Table>, TableBatcher) {
    let (table, tasks) = (Arc::new(Table::default()), TaskTracker::new());
    let limits = Limits { size: |item: &Item| item.size, max_batch, max_waiting };
    let to = Arc::clone(&table);
    let batcher = Batcher::new(tasks, limits, move |key, items| {
        let to = Arc::clone(&to);
        Box::pin(async move { to.store(key, items).await })
    });
    (table, batcher)
}

fn item(id: usize, fate: Fate) -> Item {
    Item { id, key: 0, size: 1, fate }
}

async fn answer<T>(answered: impl Future<Output = T>) -> T {
    timeout(MAX_ANSWER_WAIT, answered).await.expect("an answer")
}

fn is_unknown<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Error::Fault(Fault::CommitUnknown(_))))
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let fate = prop_oneof![
        12 => Just(Fate::Stored),
        2 => Just(Fate::Refused),
        2 => Just(Fate::Fails),
        1 => Just(Fate::Unknown),
        1 => Just(Fate::Panics),
    ];
    prop::collection::vec((0..KEYS, 1..5_usize, fate), 0..40).prop_map(|items| {
        let numbered = items.into_iter().enumerate();
        numbered.map(|(id, (key, size, fate))| Item { id, key, size, fate }).collect()
    })
}

/// Checks what became of `items` that were submitted at once, and that the batcher goes on.
async fn check(items: Vec<Item>, max_batch: usize, max_waiting: usize) {
    let (table, batcher) = batcher(max_batch, max_waiting);
    let all = join_all(items.iter().map(|item| batcher.submit(item.key, *item)));
    let answers = answer(all).await;
    let rows: Vec<_> = (0..KEYS).map(|key| table.rows(key)).collect();
    for (key, rows) in rows.iter().enumerate() {
        assert!(rows.is_sorted_by(|a, b| a < b), "key {key}: out of order, or twice: {rows:?}");
    }
    for (item, answer) in items.iter().zip(answers) {
        let is_lost = |other: &Item| {
            other.key == item.key && matches!(other.fate, Fate::Panics | Fate::Unknown)
        };
        let is_in_rows = rows[usize::from(item.key)].contains(&item.id);
        match (item.fate, answer) {
            (Fate::Stored, Ok(id)) => assert!(id == item.id && is_in_rows, "{item:?}"),
            (Fate::Refused, Err(Error::Refused(_)))
            | (Fate::Fails, Err(Error::Fault(Fault::Bug(_)))) => assert!(!is_in_rows),
            (_, answer) => {
                assert!(is_unknown(&answer), "{item:?}: {answer:?}");
                assert!(items.iter().any(is_lost), "{item:?} is unknown for no reason");
            }
        }
    }
    for batch in table.batches.lock().unwrap().iter() {
        let before_last: usize = batch.iter().rev().skip(1).sum();
        assert!(batch.len() == 1 || before_last < max_batch, "{batch:?} exceeds {max_batch}");
    }
    for key in 0..KEYS {
        let last = Item { id: items.len(), key, size: max_waiting, fate: Fate::Stored };
        assert_eq!(answer(batcher.submit(key, last)).await.expect("an answer"), items.len());
    }
    assert!(batcher.0.lock().is_empty(), "an idle batcher holds nothing");
}

proptest! {
    #[test]
    fn each_item_is_stored_in_order_and_answered_once(
        (items, max_batch, max_waiting) in (items(), 1..12_usize, 1..24_usize)
    ) {
        // All callers are there before the first batch is stored, and go on in turn.
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(check(items, max_batch, max_waiting));
    }
}

/// Submits `items` to one key, so that the first is stored alone while the others wait.
async fn submit_behind_first(
    table: &Table,
    batcher: &TableBatcher,
    items: &[Item],
) -> Vec<Result<usize>> {
    table.block(true);
    let mut first = Box::pin(batcher.submit(0, items[0]));
    assert!((&mut first).now_or_never().is_none());
    answer(table.until(|| !table.batches.lock().unwrap().is_empty())).await;
    let mut others = Box::pin(join_all(items[1..].iter().map(|item| batcher.submit(0, *item))));
    assert!((&mut others).now_or_never().is_none());
    table.block(false);
    let (first, others) = answer(async { tokio::join!(first, others) }).await;
    std::iter::once(first).chain(others).collect()
}

#[tokio::test]
async fn those_who_wait_share_a_batch_and_only_the_bad_one_fails() {
    let (table, batcher) = batcher(10, 100);
    let fates = [Fate::Stored, Fate::Stored, Fate::Fails, Fate::Stored];
    let items: Vec<_> = fates.into_iter().enumerate().map(|(id, fate)| item(id, fate)).collect();
    let answers = submit_behind_first(&table, &batcher, &items).await;
    let lengths: Vec<_> = table.batches.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 3, 1, 1, 1]);
    assert_eq!(table.rows(0), [0, 1, 3]);
    let is_ok: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(is_ok, [true, true, false, true]);
}

#[tokio::test]
async fn batch_of_unknown_outcome_is_not_stored_again() {
    let (table, batcher) = batcher(10, 100);
    let items = [item(0, Fate::Stored), item(1, Fate::Stored), item(2, Fate::Unknown)];
    let answers = submit_behind_first(&table, &batcher, &items).await;
    assert_eq!(table.rows(0), [0, 1, 2]);
    assert!(answers[0].is_ok() && is_unknown(&answers[1]) && is_unknown(&answers[2]));
}

#[tokio::test]
async fn panic_answers_all_who_wait_and_the_next_item_is_stored() {
    let (table, batcher) = batcher(2, 100);
    let items = [item(0, Fate::Panics), item(1, Fate::Stored), item(2, Fate::Stored)];
    let answers = submit_behind_first(&table, &batcher, &items).await;
    assert!(answers.iter().all(is_unknown), "{answers:?}");
    assert_eq!(answer(batcher.submit(0, item(3, Fate::Stored))).await.unwrap(), 3);
    assert_eq!(table.rows(0), [3]);
}

#[test]
fn task_that_is_dropped_answers_all_who_wait_and_the_next_item_is_stored() {
    let (table, batcher) = batcher(10, 100);
    let (ending, lasting) = (runtime(), runtime());
    table.block(true);
    let submit = |id| {
        let batcher = batcher.clone();
        async move { batcher.submit(0, item(id, Fate::Stored)).await }
    };
    // The task that stores runs where the first item was submitted.
    drop(ending.spawn(submit(0)));
    lasting.block_on(answer(table.until(|| !table.batches.lock().unwrap().is_empty())));
    let mut waiting = Box::pin(submit(1));
    lasting.block_on(async { assert!((&mut waiting).now_or_never().is_none()) });
    ending.shutdown_background();
    assert!(is_unknown(&lasting.block_on(answer(waiting))));
    table.block(false);
    assert_eq!(lasting.block_on(answer(submit(2))).unwrap(), 2);
    assert_eq!(table.rows(0), [2]);
}

#[tokio::test]
async fn item_is_stored_even_if_its_caller_is_gone() {
    let (table, batcher) = batcher(10, 100);
    table.block(true);
    for id in 0..2 {
        assert!(batcher.submit(0, item(id, Fate::Stored)).now_or_never().is_none());
    }
    table.block(false);
    assert_eq!(answer(batcher.submit(0, item(2, Fate::Stored))).await.unwrap(), 2);
    assert_eq!(table.rows(0), [0, 1, 2]);
}

#[tokio::test]
async fn callers_wait_to_submit_beyond_the_limit() {
    let (table, batcher) = batcher(10, 3);
    table.block(true);
    let mut all: Vec<_> =
        (0..5).map(|id| Box::pin(batcher.submit(0, item(id, Fate::Stored)))).collect();
    for caller in &mut all {
        assert!(caller.now_or_never().is_none());
    }
    assert_eq!(batcher.0.lock()[&0].len(), 3);
    // Whoever leaves before submitting takes nothing along.
    drop(all.pop());
    table.block(false);
    let answers = answer(join_all(all)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(table.rows(0), [0, 1, 2, 3]);
}
