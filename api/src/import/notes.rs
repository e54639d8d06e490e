//! `daybook import notes`: imports a tree of Markdown files as the notes of a workspace.

mod fit;
mod heading;
mod tree;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use daybook_entity::note;
use daybook_service::{
    Error, Permission, Problem, Scope,
    notes::{self, BODY_BYTES, NewNote, NoteChange},
};
use uuid::Uuid;

use super::{front_matter, progress};
use fit::is_blank;
use heading::heading;
use tree::{File, Tree, printable};

/// Maximum size of a file, in bytes: a note's body and its front matter.
const MAX_FILE_BYTES: u64 = BODY_BYTES as u64 + 64 * 1024;

/// Imports the Markdown files under `folder` into the workspace `name`, which is created if it is
/// missing. Updates notes whose files have changed; notes without a file stay.
///
/// # Errors
/// Fails if some files can't be imported, after it has named them and imported all others. Fails if the
/// database fails.
pub async fn notes(scope: &Scope, name: &str, folder: &Path) -> Result<()> {
    let folder = folder.to_owned();
    let tree = tokio::task::spawn_blocking(move || Tree::read(&folder)).await??;
    let workspace_id = workspace(scope, name).await?;
    let update = scope.with_permission(Permission::UpdateNotes).await?;
    let mut import =
        Import { create: scope, update, workspace_id, counts: Counts::default(), shown: None };
    let Tree { files, refused, links, others, hidden } = tree;
    for (path, reason) in refused {
        import.refuse(&path, &reason);
    }
    for path in links {
        import.counts.links += 1;
        say(&path, "symbolic links are not followed");
    }
    let outcome = import.run(files).await;
    import.show(true);
    import.counts.tell_leftovers(&others, hidden);
    outcome?;
    match import.counts.refused {
        0 => Ok(()),
        1 => bail!("1 file was not imported (see above); all others were imported"),
        count => bail!("{count} files were not imported (see above); all others were imported"),
    }
}

async fn workspace(scope: &Scope, name: &str) -> Result<Uuid> {
    let read = scope.with_permission(Permission::ReadWorkspaces).await?;
    if let Some(workspace) = notes::workspace::find_by_name(&read, name).await? {
        return Ok(workspace.id);
    }
    let create = scope.with_permission(Permission::CreateWorkspaces).await?;
    Ok(notes::workspace::create(&create, name).await?.id)
}

struct Import<'a> {
    create: &'a Scope,
    update: Scope,
    workspace_id: Uuid,
    counts: Counts,
    shown: Option<Instant>,
}

#[derive(Default)]
struct Counts {
    created: usize,
    updated: usize,
    unchanged: usize,
    refused: usize,
    /// Number of symbolic links, which were not followed.
    links: usize,
    /// Number of notes whose titles were shortened.
    cut_titles: usize,
    /// Number of notes whose tags were partly left out.
    left_tags: usize,
    /// Number of files by front matter key that a note can't store.
    keys: BTreeMap<String, usize>,
}

/// Remarks on what was changed or left out when a file was imported.
struct Remarks {
    title: Option<String>,
    tags: Option<String>,
    unended: bool,
}

enum Done {
    Created,
    Updated,
    Unchanged,
}

impl Import<'_> {
    async fn run(&mut self, files: Vec<File>) -> Result<()> {
        let mut taken: BTreeMap<String, PathBuf> = BTreeMap::new();
        for File { file, path } in files {
            let outcome = match taken.get(&path) {
                Some(other) => Err(format!("would have the same path as {}", other.display())),
                None => self.take(&file, &path).await?,
            };
            match outcome {
                Ok(Done::Created) => self.counts.created += 1,
                Ok(Done::Updated) => self.counts.updated += 1,
                Ok(Done::Unchanged) => self.counts.unchanged += 1,
                Err(reason) => self.refuse(&file, &reason),
            }
            taken.entry(path).or_insert(file);
            self.show(false);
        }
        Ok(())
    }

    /// Imports one file, or returns the reason why it can't be imported.
    async fn take(&mut self, file: &Path, path: &str) -> Result<Result<Done, String>> {
        let text = match read(file).await {
            Ok(text) => text,
            Err(reason) => return Ok(Err(reason)),
        };
        let parts = match front_matter::split(&text) {
            Ok(parts) => parts,
            Err(reason) => return Ok(Err(reason)),
        };
        let front_matter::Parts { title, tags, others, unended, body } = parts;
        let title = title.filter(|title| !is_blank(title)).or_else(|| heading(body));
        let title = fit::title(title.unwrap_or_else(|| last(path)));
        let tags = fit::tags(tags);
        let new = NewNote {
            workspace_id: self.workspace_id,
            path: path.to_owned(),
            title: title.value,
            body: body.to_owned(),
            tags: tags.value,
        };
        let done = match notes::find_by_path(self.create, self.workspace_id, path).await? {
            Some(known) => self.update(known, new).await,
            None => notes::create(self.create, new).await.map(|_| Done::Created),
        };
        let done = match done {
            Ok(done) => Ok(done),
            Err(Error::Refused(problems)) => Err(reason(&problems)),
            Err(error) => return Err(error).with_context(|| file.display().to_string()),
        };
        if done.is_ok() {
            self.remark(file, Remarks { title: title.remark, tags: tags.remark, unended });
            for key in others {
                *self.counts.keys.entry(key).or_default() += 1;
            }
        }
        Ok(done)
    }

    /// Prints the remarks on a file.
    fn remark(&mut self, file: &Path, remarks: Remarks) {
        let Remarks { title, tags, unended } = remarks;
        self.counts.cut_titles += usize::from(title.is_some());
        self.counts.left_tags += usize::from(tags.is_some());
        let unended = unended.then(|| {
            "its front matter has no closing line of three hyphens, and became part of the note's text"
                .to_owned()
        });
        for remark in [title, tags, unended].into_iter().flatten() {
            say(file, &remark);
        }
    }

    async fn update(&self, known: note::Model, new: NewNote) -> daybook_service::Result<Done> {
        let NewNote { workspace_id: _, path: _, title, body, tags } = new;
        let is_same = known.title == title && known.body == body && notes::tags(&known)? == tags;
        if is_same {
            return Ok(Done::Unchanged);
        }
        let change = NoteChange {
            id: known.id,
            expected_version: known.version,
            path: None,
            title: Some(title),
            body: Some(body),
            tags: Some(tags),
        };
        notes::update(&self.update, change).await?;
        Ok(Done::Updated)
    }

    fn refuse(&mut self, file: &Path, reason: &str) {
        self.counts.refused += 1;
        say(file, reason);
    }

    fn show(&mut self, is_end: bool) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= progress::INTERVAL);
        if !(is_end || progress::is_watched() && is_due) {
            return;
        }
        self.shown = Some(Instant::now());
        let Counts { created, updated, unchanged, refused, .. } = &self.counts;
        let line = format!(
            "{created} created, {updated} updated, {unchanged} unchanged, {refused} not imported"
        );
        if is_end { progress::line(&line) } else { progress::overwrite(&line) }
    }
}

impl Counts {
    /// Reports the parts of the tree that are not in the workspace.
    fn tell_leftovers(&self, others: &BTreeMap<String, usize>, hidden: usize) {
        let list = |counts: &BTreeMap<String, usize>| {
            let texts = counts.iter().map(|(what, count)| format!("{what} ({count})"));
            printable(&texts.collect::<Vec<_>>().join(", "))
        };
        let Self { links, cut_titles, left_tags, .. } = self;
        for (count, what) in [
            (links, "symbolic links that were not followed"),
            (cut_titles, "titles that were too long and were shortened"),
            (left_tags, "notes with tags that were left out"),
        ] {
            if *count > 0 {
                progress::line(&format!("{what} (see above): {count}"));
            }
        }
        if !others.is_empty() {
            progress::line(&format!("skipped, since they are not Markdown: {}", list(others)));
        }
        if hidden > 0 {
            progress::line(&format!(
                "skipped, since their names begin with a dot: {hidden} files and folders"
            ));
        }
        if !self.keys.is_empty() {
            progress::line(&format!(
                "left out, since notes can't store them: front matter keys {}",
                list(&self.keys)
            ));
        }
    }
}

/// Prints a message about a file in place of the progress.
fn say(file: &Path, what: &str) {
    progress::line(&printable(&format!("{}: {what}", file.display())));
}

/// Reads the text of a file, or returns the reason why it can't be imported.
async fn read(file: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("can't be read: {error}");
    let length = tokio::fs::metadata(file).await.map_err(cannot)?.len();
    if length > MAX_FILE_BYTES {
        return Err(format!("has {length} bytes; a note's body can have at most {BODY_BYTES}"));
    }
    let bytes = tokio::fs::read(file).await.map_err(cannot)?;
    String::from_utf8(bytes)
        .map_err(|error| format!("is not valid UTF-8 at byte {}", error.utf8_error().valid_up_to()))
}

/// Last segment of a path.
fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

fn reason(problems: &[Problem]) -> String {
    let texts = problems.iter().map(|Problem { code: _, message, path }| {
        let field: Vec<_> = path.iter().skip_while(|part| *part == "input").cloned().collect();
        format!("{}: {message}", field.join("."))
    });
    texts.collect::<Vec<_>>().join("; ")
}
