//! The permissions of each role.

use std::fmt;

use daybook_entity::membership::Role;

/// An action in an organization. Reading and changing an object are separate permissions, so that
/// the log shows which one was refused.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read the organization itself.
    ReadOrganization,
    /// Create an organization.
    CreateOrganization,
    /// Read the members and their roles.
    ReadMembers,
    /// Give a subject a role.
    SetMembers,
    /// Take a subject's role away.
    RemoveMembers,
    /// Make a subject an operator of the instance.
    AddOperators,
    /// Take an operator's rights away.
    RemoveOperators,
    /// Read the list of API keys.
    ReadApiKeys,
    /// Create API keys.
    CreateApiKeys,
    /// Revoke API keys.
    RevokeApiKeys,
    /// Read the retention period of the audit log, and its holds.
    ReadRetention,
    /// Set the retention period of the audit log.
    SetRetention,
    /// Place a hold on the audit log.
    PlaceHolds,
    /// Release a hold on the audit log.
    ReleaseHolds,
    /// Read the audit log.
    ReadAuditLog,
    /// Append to the audit log.
    RecordAuditLogs,
    /// Export the audit log as a file.
    ExportAuditLog,
    /// Back up all data of the organization to a file.
    BackUp,
    /// Read jobs. Operators have this permission in every organization.
    ReadJobs,
    /// Cancel a job of this work.
    CancelJobs(JobWork),
    /// Retry a job of this work.
    RetryJobs(JobWork),
    /// Read workspaces.
    ReadWorkspaces,
    /// Create workspaces.
    CreateWorkspaces,
    /// Read notes.
    ReadNotes,
    /// Create notes.
    CreateNotes,
    /// Update notes.
    UpdateNotes,
    /// Delete notes.
    DeleteNotes,
    /// Export a workspace's notes as a file.
    ExportNotes,
}

/// The work of a job.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum JobWork {
    /// The job exports the audit log.
    ExportAuditLog,
    /// The job exports a workspace's notes.
    ExportNotes,
    /// The job backs up an organization or the instance.
    BackUp,
}

impl JobWork {
    /// Returns the permissions each of which lets a viewer see a job of this work: to see all jobs,
    /// to have the work done, and to cancel or retry the job.
    pub(crate) fn permissions_to_see(self) -> [Permission; 4] {
        let (cancel, retry) = (Permission::CancelJobs(self), Permission::RetryJobs(self));
        [Permission::ReadJobs, self.permission(), cancel, retry]
    }

    /// Returns the permission to start this work. A viewer with that permission may also cancel and
    /// retry the job.
    #[must_use]
    pub fn permission(self) -> Permission {
        match self {
            Self::ExportAuditLog => Permission::ExportAuditLog,
            Self::ExportNotes => Permission::ExportNotes,
            Self::BackUp => Permission::BackUp,
        }
    }
}

/// A row of the table: the roles, the action under which a refusal is recorded, and the words that
/// follow "your role does not allow you to".
struct Rule(&'static [Role], &'static str, &'static str);

const NOBODY: &[Role] = &[];
const ADMINS: &[Role] = &[Role::Admin];
const LOG_READERS: &[Role] = &[Role::Admin, Role::Auditor];
const LOG_WRITERS: &[Role] = &[Role::Admin, Role::Writer];
const NOTE_TAKERS: &[Role] = &[Role::Admin, Role::Member];
const EVERYBODY: &[Role] = &[Role::Admin, Role::Auditor, Role::Writer, Role::Member];

impl Permission {
    /// Returns true if `role` has this permission.
    #[must_use]
    pub fn is_granted_to(self, role: Role) -> bool {
        self.rule().0.contains(&role)
    }

    /// Returns true if operators have this permission in every organization.
    #[must_use]
    pub fn is_granted_to_operators(self) -> bool {
        self == Self::ReadJobs
    }

    /// Returns the action under which a refusal of this permission is recorded.
    #[must_use]
    pub fn action(self) -> &'static str {
        self.rule().1
    }

    fn rule(self) -> Rule {
        match self {
            Self::ReadOrganization => Rule(EVERYBODY, "organization.read", "read the organization"),
            Self::CreateOrganization => Rule(NOBODY, "organization.create", "create organizations"),
            Self::ReadMembers => Rule(ADMINS, "member.read", "read members"),
            Self::SetMembers => Rule(ADMINS, "member.set", "set members"),
            Self::RemoveMembers => Rule(ADMINS, "member.remove", "remove members"),
            Self::AddOperators => Rule(NOBODY, "operator.add", "add operators"),
            Self::RemoveOperators => Rule(NOBODY, "operator.remove", "remove operators"),
            Self::ReadApiKeys => Rule(ADMINS, "api_key.read", "read API keys"),
            Self::CreateApiKeys => Rule(ADMINS, "api_key.create", "create API keys"),
            Self::RevokeApiKeys => Rule(ADMINS, "api_key.revoke", "revoke API keys"),
            Self::ReadRetention => Rule(LOG_READERS, "retention.read", "read the retention"),
            Self::SetRetention => Rule(NOBODY, "retention.set", "set the retention"),
            Self::PlaceHolds => Rule(NOBODY, "hold.place", "place holds"),
            Self::ReleaseHolds => Rule(NOBODY, "hold.release", "release holds"),
            Self::ReadAuditLog => Rule(LOG_READERS, "audit_log.read", "read the audit log"),
            Self::RecordAuditLogs => Rule(LOG_WRITERS, "audit_log.record", "record audit entries"),
            Self::ExportAuditLog => Rule(LOG_READERS, "audit_log.export", "export the audit log"),
            Self::BackUp => Rule(ADMINS, "backup.start", "start backups"),
            Self::ReadJobs => Rule(LOG_READERS, "job.read", "read jobs"),
            Self::CancelJobs(work) => Rule(work.roles(), "job.cancel", "cancel this job"),
            Self::RetryJobs(work) => Rule(work.roles(), "job.retry", "retry this job"),
            Self::ReadWorkspaces => Rule(NOTE_TAKERS, "workspace.read", "read workspaces"),
            Self::CreateWorkspaces => Rule(NOTE_TAKERS, "workspace.create", "create workspaces"),
            Self::ReadNotes => Rule(NOTE_TAKERS, "note.read", "read notes"),
            Self::CreateNotes => Rule(NOTE_TAKERS, "note.create", "create notes"),
            Self::UpdateNotes => Rule(NOTE_TAKERS, "note.update", "update notes"),
            Self::DeleteNotes => Rule(NOTE_TAKERS, "note.delete", "delete notes"),
            Self::ExportNotes => Rule(NOTE_TAKERS, "note.export", "export notes"),
        }
    }
}

impl JobWork {
    fn roles(self) -> &'static [Role] {
        self.permission().rule().0
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule().2)
    }
}
