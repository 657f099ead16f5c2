//! Whose volume this is: recorded at the first start, compared at every later one.

use crate::sys::storage::fs::write_atomically;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::topology::{Member, Role};
use gp_agent_core::finding::{Area, Finding};
use serde::{Deserialize, Serialize};
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    cluster: String,
    pod: String,
    role: Role,
    content: ContentId,
}

/// Why a volume is not claimed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClaimError {
    /// It is another pod's.
    Another(Finding),
    /// Whose it is cannot be read or written.
    Unknown(Finding),
}

/// Claims the volume for `me`.
///
/// # Errors
/// It is another pod's, or whose it is cannot be read or written.
pub(crate) fn claim(state_dir: &Path, cluster: &str, me: &Member) -> Result<(), ClaimError> {
    let file = state_dir.join("owner.json");
    let subject = file.display().to_string();
    let mine = Owner {
        cluster: cluster.to_string(),
        pod: me.pod.clone(),
        role: me.role,
        content: me.content,
    };
    let failed = |what: String| {
        ClaimError::Unknown(Finding::error(
            Area::Storage,
            &subject,
            what,
            "make it readable and writable for this user, or mount the right volume",
        ))
    };
    match std::fs::read(&file) {
        Ok(bytes) => {
            let owner: Owner =
                serde_json::from_slice(&bytes).map_err(|e| failed(format!("cannot be understood: {e}")))?;
            if owner == mine {
                return Ok(());
            }
            Err(ClaimError::Another(Finding::error(
                Area::Storage,
                subject,
                format!(
                    "the volume belongs to {} {} of cluster {} (content {}), this pod is {} {} of cluster {cluster} (content {})",
                    owner.role, owner.pod, owner.cluster, owner.content, me.role, me.pod, me.content
                ),
                remedy(&owner, &mine),
            )))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let text = serde_json::to_vec_pretty(&mine).map_err(|e| failed(e.to_string()))?;
            write_atomically(&file, &text, 0o600).map_err(|e| failed(format!("cannot be written: {e}")))?;
            Ok(())
        }
        Err(e) => Err(failed(format!("cannot be read: {e}"))),
    }
}

fn remedy(owner: &Owner, mine: &Owner) -> String {
    let renamed = Owner {
        cluster: mine.cluster.clone(),
        ..owner.clone()
    };
    if renamed == *mine {
        return format!(
            "put `cluster: {}` back in cluster.yaml: a cluster that exists keeps its name",
            owner.cluster
        );
    }
    "mount the volume of this pod; to use this one all the same, move its contents away first".to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(pod: &str, role: Role) -> Member {
        Member {
            pod: pod.into(),
            fqdn: format!("{pod}.x"),
            role,
            content: ContentId::new(0),
            port: 1,
            data_dir: "/x".into(),
        }
    }

    #[test]
    fn a_volume_stays_with_its_first_pod() {
        let dir = tempfile::tempdir().unwrap();
        let a = member("segment-a-0", Role::Primary);
        assert_eq!(claim(dir.path(), "w", &a), Ok(()));
        assert_eq!(claim(dir.path(), "w", &a), Ok(()));
        let refused = claim(dir.path(), "w", &member("segment-b-0", Role::Mirror));
        assert!(
            matches!(&refused, Err(ClaimError::Another(f)) if f.what.contains("primary segment-a-0")),
            "{refused:?}"
        );
        assert!(
            matches!(&refused, Err(ClaimError::Another(f)) if f.remedy.starts_with("mount the volume")),
            "{refused:?}"
        );
        let renamed = claim(dir.path(), "other", &a);
        assert!(
            matches!(&renamed, Err(ClaimError::Another(f)) if f.remedy.starts_with("put `cluster: w` back")),
            "{renamed:?}"
        );
        std::fs::write(dir.path().join("owner.json"), "{").unwrap();
        assert!(matches!(claim(dir.path(), "w", &a), Err(ClaimError::Unknown(_))));
    }
}
