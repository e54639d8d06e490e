//! The workspace `handbook` of the sample data: notes that link to one another, and one broken link for
//! the export to find.

use anyhow::Result;
use daybook_service::{
    Permission, Scope,
    notes::{self, NewNote},
};

/// Path, title, tags and body of each note.
const NOTES: [(&str, &str, &[&str], &str); 7] = [
    (
        "welcome",
        "Welcome to Acme",
        &["start"],
        "# Welcome to Acme\n\nRead about your [laptop](onboarding/laptop.md) and your \
         [accounts](onboarding/accounts.md) first. What we promise one another is in\n\
         [How we work](how-we-work.md).\n",
    ),
    (
        "how-we-work",
        "How we work",
        &["start", "culture"],
        "# How we work\n\n- Write it down.\n- Changes of access have an entry in the audit log, \
         without exception: see\n  [Access reviews](security/access-reviews.md).\n- Questions are \
         welcome. Begin [here](welcome.md).\n",
    ),
    (
        "onboarding/laptop",
        "Your laptop",
        &["onboarding", "devices"],
        "# Your laptop\n\nIT assigns it (`device.assign` in the audit log) and takes it back \
         (`device.retire`).\nEncrypt its disk on the first day; [Incidents](../security/incidents.md) \
         says what to do\nwhere it is lost.\n",
    ),
    (
        "onboarding/accounts",
        "Your accounts",
        &["onboarding"],
        "# Your accounts\n\n| system | asked for in |\n|---|---|\n| mail | nothing, you have it |\n\
         | payroll | [the form](payroll.md) |\n\nBack to [the start](../welcome.md).\n",
    ),
    (
        "security/access-reviews",
        "Access reviews",
        &["security"],
        "# Access reviews\n\nOnce a quarter:\n\n1. Export the audit log, filtered by \
         `user.role.change`.\n2. Compare it with the list of members.\n3. Take away what nobody can \
         explain, and record why.\n",
    ),
    (
        "security/incidents",
        "Incidents",
        &["security", "on call"],
        "# Incidents\n\nSay it in **#security**, then write it down. Nobody is blamed for speaking \
         early.\n\n> A lost [laptop](../onboarding/laptop.md) is an incident, too.\n",
    ),
    (
        "rezepte/käsespätzle",
        "Käsespätzle 🧀 (Kantine)",
        &["Kantine"],
        "# Käsespätzle\n\n500 g Mehl, 5 Eier, Käse nach Belieben.\n",
    ),
];

/// Creates it.
///
/// # Errors
/// A database fault.
pub(super) async fn fill(scope: &Scope) -> Result<()> {
    let create = scope.with_permission(Permission::CreateWorkspaces).await?;
    let workspace_id = notes::workspace::create(&create, "handbook").await?.id;
    for (path, title, tags, body) in NOTES {
        let new = NewNote {
            workspace_id,
            path: path.to_owned(),
            title: title.to_owned(),
            body: body.to_owned(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        };
        notes::create(scope, new).await?;
    }
    Ok(())
}
