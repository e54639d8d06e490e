//! Audit entries about artifacts.

use daybook_entity::artifact;

use crate::{
    GlobalId, Viewer,
    audit::{NewEntry, Resource},
};

/// Creates an audit entry about an artifact.
pub(crate) fn entry(viewer: &Viewer, action: &str, artifact: &artifact::Model) -> NewEntry {
    let id = GlobalId::Job { organization_id: artifact.organization_id, id: artifact.job_id };
    let resource = Resource {
        r#type: "artifact".to_owned(),
        id: id.to_string(),
        name: Some(artifact.file_name.clone()),
    };
    NewEntry::by(viewer, action, resource)
}
