//! The section `kubernetes`: what the agent may do through the Kubernetes API.

use super::draft::choice;
use super::reader::{Read, Reader};
use super::schema;
use serde::{Deserialize, Serialize};

/// Whether the agent uses a part of the Kubernetes API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UseApi {
    /// Where the pod has a ServiceAccount's token and knows the API server's address.
    Auto,
    /// Never.
    Off,
}

impl UseApi {
    pub(super) const WORDS: &[(&str, UseApi)] = &[("auto", UseApi::Auto), ("off", UseApi::Off)];
}

/// What the agent may do through the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KubernetesConfig {
    /// The label of the active role on this pod; default auto.
    pub labels: UseApi,
    /// Events about this pod; default auto.
    pub events: UseApi,
}

/// The section, as far as its values passed their own rules.
pub(super) struct Draft {
    labels: Option<Read<UseApi>>,
    events: Option<Read<UseApi>>,
}

impl Draft {
    pub(super) fn read(r: &mut Reader) -> Draft {
        Draft {
            labels: choice(r, &schema::KUBERNETES_LABELS, UseApi::WORDS),
            events: choice(r, &schema::KUBERNETES_EVENTS, UseApi::WORDS),
        }
    }

    pub(super) fn finish(self) -> Option<KubernetesConfig> {
        Some(KubernetesConfig {
            labels: self.labels?.value,
            events: self.events?.value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{SMALL, load_with, read};

    #[test]
    fn the_api_is_used_where_there_is_one_unless_told_otherwise() {
        let config = read(SMALL).kubernetes;
        assert_eq!((config.labels, config.events), (UseApi::Auto, UseApi::Auto));
        // `off` is a word here, not YAML 1.1's false.
        let config = read(&format!("{SMALL}kubernetes: {{ labels: off }}\n")).kubernetes;
        assert_eq!((config.labels, config.events), (UseApi::Off, UseApi::Auto));
        let config = load_with(SMALL, &[("GP_AGENT_KUBERNETES_EVENTS", "off")]).unwrap();
        assert_eq!(config.kubernetes.events, UseApi::Off);
        let wrong = load_with(&format!("{SMALL}kubernetes: {{ labels: on }}\n"), &[]).unwrap_err();
        insta::assert_snapshot!(wrong[0].to_string(), @r#"cluster.yaml:4:23: kubernetes.labels: "on" is not known; choose one of auto, off"#);
    }
}
