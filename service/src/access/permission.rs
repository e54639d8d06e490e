//! The table of what each role may do.

use std::fmt;

use daybook_entity::membership::Role;

/// Something that not every member may do.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// See the organization itself: every member.
    ReadOrganization,
    /// Change who may do what.
    ManageMembers,
    /// Make and revoke API keys, and see which ones there are.
    ManageApiKeys,
    /// Read the audit log.
    ReadAuditLog,
    /// Append to the audit log.
    RecordAuditLogs,
    /// Take the audit log out as a file.
    ExportAuditLog,
    /// Take everything of the organization out as a file.
    BackUp,
    /// Watch jobs; operators may, in every organization.
    ReadJobs,
    /// Read workspaces and notes.
    ReadNotes,
    /// Create, change and delete workspaces and notes.
    ChangeNotes,
    /// Take a workspace's notes out as a file.
    ExportNotes,
}

impl Permission {
    /// Whether a member with `role` has it.
    #[must_use]
    pub fn is_granted_to(self, role: Role) -> bool {
        use Role::{Admin, Auditor, Member, Writer};
        match self {
            Self::ReadOrganization => matches!(role, Admin | Auditor | Writer | Member),
            Self::ManageMembers | Self::ManageApiKeys | Self::BackUp => matches!(role, Admin),
            Self::ReadAuditLog | Self::ExportAuditLog | Self::ReadJobs => {
                matches!(role, Admin | Auditor)
            }
            Self::RecordAuditLogs => matches!(role, Admin | Writer),
            Self::ReadNotes | Self::ChangeNotes | Self::ExportNotes => {
                matches!(role, Admin | Member)
            }
        }
    }

    /// Whether whoever runs the instance has it in every organization.
    #[must_use]
    pub fn is_granted_to_operators(self) -> bool {
        match self {
            Self::ReadJobs => true,
            Self::ReadOrganization
            | Self::ManageMembers
            | Self::ManageApiKeys
            | Self::ReadAuditLog
            | Self::RecordAuditLogs
            | Self::ExportAuditLog
            | Self::ReadNotes
            | Self::ChangeNotes
            | Self::ExportNotes
            | Self::BackUp => false,
        }
    }

    /// The action under which a refusal is recorded.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::ReadOrganization => "organization.read",
            Self::ManageMembers => "member.set",
            Self::ManageApiKeys => "api_key.manage",
            Self::ReadAuditLog => "audit_log.read",
            Self::RecordAuditLogs => "audit_log.record",
            Self::ExportAuditLog => "audit_log.export",
            Self::BackUp => "backup.start",
            Self::ReadJobs => "job.read",
            Self::ReadNotes => "note.read",
            Self::ChangeNotes => "note.change",
            Self::ExportNotes => "note.export",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOrganization => "see the organization",
            Self::ManageMembers => "change members",
            Self::ManageApiKeys => "manage API keys",
            Self::ReadAuditLog => "read the audit log",
            Self::RecordAuditLogs => "record audit entries",
            Self::ExportAuditLog => "export the audit log",
            Self::BackUp => "back up",
            Self::ReadJobs => "see jobs",
            Self::ReadNotes => "read notes",
            Self::ChangeNotes => "change notes",
            Self::ExportNotes => "export notes",
        })
    }
}
