//! Tables whose rows each belong to one organization.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select, prelude::Uuid};

/// A table whose rows each belong to one organization.
pub trait TenantTable: EntityTrait {
    /// The column that holds the ID of the row's organization.
    const ORGANIZATION_ID: Self::Column;

    /// Selects the rows of an organization.
    fn of(organization_id: Uuid) -> Select<Self> {
        Self::find().filter(Self::ORGANIZATION_ID.eq(organization_id))
    }
}

macro_rules! tenant_tables {
    ($($table:ident),+ $(,)?) => {
        $(impl TenantTable for crate::$table::Entity {
            const ORGANIZATION_ID: Self::Column = crate::$table::Column::OrganizationId;
        })+
    };
}

tenant_tables! {
    api_key, artifact, audit_log, audit_log_head, clock_step, hold, import_line, import_run, job, job_event, membership, note, recording,
    retention, workspace,
}
