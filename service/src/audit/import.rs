//! Imports: the lines of files as entries, each line of a source once.
//!
//! A line is known by its source, its content and its occurrence among the lines with that content,
//! counted anew in each run. So a file that is imported again adds only what is new in it, wherever
//! that stands. A line without a timestamp happened when it was recorded, and is always new.
//!
//! The number of the run stands on each line that it has met, so that counting takes no memory. A
//! run that another one of the same source has overtaken can't count any more, and ends.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use daybook_entity::{audit_log_head, import_line, import_run};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{Draft, NewEntry, append::append_to, head::lock_head, limits};
use crate::{Error, Permission, Problem, ProblemCode, Result, Scope, Topic, input};

/// Maximum number of characters in a source's name.
const MAX_SOURCE_CHARS: usize = 200;

/// A line of a file.
#[derive(Clone, Debug)]
pub struct ImportLine {
    /// The entry to record if the line is new; none to record nothing.
    entry: Option<NewEntry>,
    /// SHA-256 of the line; none for a line without a timestamp.
    digest: Option<[u8; 32]>,
}

impl ImportLine {
    /// Creates a line with this SHA-256 that is to be recorded.
    ///
    /// # Errors
    /// Every value out of bounds, by field.
    pub fn new(entry: NewEntry, digest: [u8; 32]) -> Result<Self, Vec<Problem>> {
        let mut problems = limits::check(std::slice::from_ref(&entry));
        for problem in &mut problems {
            // Without `input.entries.0`.
            problem.path.drain(..problem.path.len().min(3));
        }
        let digest = entry.timestamp.map(|_| digest);
        if problems.is_empty() { Ok(Self { entry: Some(entry), digest }) } else { Err(problems) }
    }

    /// Creates a line with this SHA-256 that is only counted.
    #[must_use]
    pub fn passed(digest: [u8; 32]) -> Self {
        Self { entry: None, digest: Some(digest) }
    }
}

/// A run of an import.
#[derive(Clone, Debug)]
pub struct ImportRun {
    source: String,
    number: i64,
}

/// The outcome of importing lines.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Number of lines that were recorded.
    pub recorded: usize,
    /// Number of lines that had been recorded before.
    pub known: usize,
}

/// Begins to import files of a source.
///
/// # Errors
/// A name that is not valid; a database fault.
pub async fn begin_import(scope: &Scope, source: &str) -> Result<ImportRun> {
    scope.require(Permission::RecordAuditLogs)?;
    input::check_name(source, MAX_SOURCE_CHARS, &["source"])?;
    let context = (scope.clone(), source.to_owned());
    let begun = scope.core().db.transaction(context, |tx, (scope, source)| {
        Box::pin(async move {
            let organization_id = scope.organization_id();
            lock_head(tx, organization_id).await?;
            let number = last_run(tx, organization_id, source).await? + 1;
            let run = import_run::Model { organization_id, source: source.clone(), run: number };
            let key = [import_run::Column::OrganizationId, import_run::Column::Source];
            let replace =
                OnConflict::columns(key).update_column(import_run::Column::Run).to_owned();
            import_run::Entity::insert(run.into_active_model())
                .on_conflict(replace)
                .exec_without_returning(tx)
                .await?;
            Ok(ImportRun { source: source.clone(), number })
        })
    });
    begun.await
}

/// Appends the lines that are new to the log of the scope's organization, all or none, in their
/// order. Lines of the run must come in the order of the file.
///
/// # Errors
/// CONFLICT if another run of the source has begun; a database fault.
pub async fn import(scope: &Scope, run: &ImportRun, lines: Vec<ImportLine>) -> Result<Imported> {
    scope.require(Permission::RecordAuditLogs)?;
    let context = Arc::new((scope.clone(), run.clone(), lines));
    let imported = scope.core().db.transaction(context, |tx, context| {
        Box::pin(async move {
            let (scope, run, lines) = &**context;
            import_in(tx, scope, run, lines).await
        })
    });
    let imported = imported.await;
    // Even after an error, since the outcome of a commit may be unknown.
    scope.core().notifier.notify(Topic::AuditLog(scope.organization_id()));
    imported
}

async fn import_in(
    tx: &DatabaseTransaction,
    scope: &Scope,
    run: &ImportRun,
    lines: &[ImportLine],
) -> Result<Imported> {
    let head = lock_head(tx, scope.organization_id()).await?;
    if last_run(tx, scope.organization_id(), &run.source).await? != run.number {
        let message =
            "another import of this source has begun meanwhile; run this one again after it";
        return Err(Error::problem(ProblemCode::Conflict, &["source"], message));
    }
    let known = occurrences(tx, scope, run, lines).await?;
    let Plan { drafts, new, met } = plan(scope, run, &head, known, lines);
    let imported = Imported { recorded: drafts.len(), known: met.values().map(Vec::len).sum() };
    if !drafts.is_empty() {
        append_to(tx, &scope.core().clock, head, drafts).await?;
    }
    if !new.is_empty() {
        let new = new.into_iter().map(IntoActiveModel::into_active_model);
        import_line::Entity::insert_many(new).exec_without_returning(tx).await?;
    }
    for (occurrence, digests) in met {
        scope
            .update::<import_line::Entity>()
            .set(import_line::ActiveModel { run: Set(run.number), ..Default::default() })
            .filter(import_line::Column::Source.eq(run.source.as_str()))
            .filter(import_line::Column::Occurrence.eq(occurrence))
            .filter(import_line::Column::Digest.is_in(digests))
            .exec(tx)
            .await?;
    }
    Ok(imported)
}

/// Occurrences of a line's content.
#[derive(Default)]
struct Occurrences {
    /// Those that were recorded.
    recorded: BTreeSet<i32>,
    /// Number of those that this run has met.
    met: i32,
}

type Known = HashMap<Vec<u8>, Occurrences>;

async fn occurrences(
    tx: &DatabaseTransaction,
    scope: &Scope,
    run: &ImportRun,
    lines: &[ImportLine],
) -> Result<Known, DbErr> {
    let digests: BTreeSet<_> =
        lines.iter().filter_map(|line| line.digest).map(|digest| digest.to_vec()).collect();
    let mut known = Known::new();
    if digests.is_empty() {
        return Ok(known);
    }
    let condition = Condition::all()
        .add(import_line::Column::Source.eq(run.source.as_str()))
        .add(import_line::Column::Digest.is_in(digests));
    for row in scope.find::<import_line::Entity>().filter(condition).all(tx).await? {
        let occurrences = known.entry(row.digest).or_default();
        occurrences.recorded.insert(row.occurrence);
        occurrences.met += i32::from(row.run == run.number);
    }
    Ok(known)
}

/// Rows for a transaction to store.
#[derive(Default)]
struct Plan {
    drafts: Vec<Draft>,
    new: Vec<import_line::Model>,
    /// Digests of the lines that had been recorded before, by occurrence.
    met: BTreeMap<i32, Vec<Vec<u8>>>,
}

fn plan(
    scope: &Scope,
    run: &ImportRun,
    head: &audit_log_head::Model,
    mut known: Known,
    lines: &[ImportLine],
) -> Plan {
    let mut plan = Plan::default();
    let mut sequence = head.sequence;
    for ImportLine { entry, digest } in lines {
        if let Some(digest) = digest.map(|digest| digest.to_vec()) {
            let occurrences = known.entry(digest.clone()).or_default();
            let occurrence = occurrences.met + 1;
            if occurrences.recorded.contains(&occurrence) {
                occurrences.met = occurrence;
                plan.met.entry(occurrence).or_default().push(digest);
                continue;
            }
            if entry.is_some() {
                occurrences.met = occurrence;
                plan.new.push(import_line::Model {
                    organization_id: scope.organization_id(),
                    source: run.source.clone(),
                    digest,
                    occurrence,
                    sequence: sequence + 1,
                    run: run.number,
                });
            }
        }
        if let Some(entry) = entry {
            sequence += 1;
            let recorded_by = scope.viewer().subject.clone();
            plan.drafts.push(Draft::new(scope.core(), recorded_by, entry.clone()));
        }
    }
    plan
}

/// Returns the number of the last run of a source; 0 if there was none.
async fn last_run(
    tx: &DatabaseTransaction,
    organization_id: Uuid,
    source: &str,
) -> Result<i64, DbErr> {
    let run = import_run::Entity::find_by_id((organization_id, source.to_owned()));
    Ok(run.one(tx).await?.map_or(0, |run| run.run))
}
