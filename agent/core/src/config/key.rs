//! What is known of one key of the configuration file.

use super::yaml::Kind;

/// What every environment variable of the agent begins with.
pub(super) const PREFIX: &str = "GP_AGENT_";

/// What stands for a key that nobody gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing does; the key has to be given.
    Refused,
    /// This value.
    Default(&'static str),
    /// The behaviour described by these words.
    Means(&'static str),
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A text.
    Text,
    /// `true` or `false`.
    Switch,
    /// A whole number within these bounds, both included.
    Whole {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// One of these words.
    Words(&'static [&'static str]),
    /// A list of texts.
    List,
    /// A mapping of the user's own names to texts.
    Map,
}

impl Form {
    /// What YAML has to take a single value for.
    pub(super) fn kind(self) -> Kind {
        match self {
            Form::Switch => Kind::Switch,
            Form::Whole { .. } => Kind::Number,
            Form::Text | Form::Words(_) | Form::List | Form::Map => Kind::Text,
        }
    }
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A running pod follows it.
    Live,
    /// A pod has it when it starts anew.
    Restart,
    /// Nothing good: it was settled when the cluster was made. Volumes and pods have it in their names and paths.
    Settled,
    /// The same where the cluster has a catalog with it; else as [`Change::Restart`].
    InCatalog,
}

/// One key of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its dotted name.
    pub name: &'static str,
    /// What it holds.
    pub form: Form,
    /// What happens without it.
    pub missing: Missing,
    /// What becomes of a change.
    pub change: Change,
    /// One line for the reference.
    pub doc: &'static str,
}

impl Key {
    /// The variable that overrides this key, such as `GP_AGENT_SEGMENTS_PRIMARY_PORT`; none for a list or a mapping.
    pub(super) fn variable(&self) -> Option<String> {
        (!matches!(self.form, Form::List | Form::Map)).then(|| variable_name(self.name))
    }

    /// The section that the key stands in; empty at the top level.
    pub(super) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name without its section.
    pub(super) fn leaf(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, leaf)| leaf)
    }
}

/// `segments.primaryPort` as `GP_AGENT_SEGMENTS_PRIMARY_PORT`.
pub(super) fn variable_name(key: &str) -> String {
    let mut name = String::from(PREFIX);
    for c in key.chars() {
        match c {
            '.' => name.push('_'),
            c if c.is_ascii_uppercase() => {
                name.push('_');
                name.push(c);
            }
            c => name.push(c.to_ascii_uppercase()),
        }
    }
    name
}

/// Every key of the file: the keys of a section, and each key of the top level, in one group.
#[derive(Clone, Copy)]
pub(super) struct Keys(pub &'static [&'static [Key]]);

impl Keys {
    /// Every key, in the order of the reference.
    pub(super) fn iter(self) -> impl Iterator<Item = &'static Key> {
        self.0.iter().copied().flatten()
    }

    /// The key of that dotted name.
    pub(super) fn find(self, name: &str) -> Option<&'static Key> {
        self.iter().find(|key| key.name == name)
    }

    /// Whether keys stand below this name.
    pub(super) fn is_section(self, name: &str) -> bool {
        !name.is_empty() && self.iter().any(|key| key.section() == name)
    }

    /// What may stand directly below `section` (empty: at the top level), sections included.
    pub(super) fn names_in(self, section: &str) -> Vec<&'static str> {
        let mut names = Vec::new();
        for key in self.iter() {
            let name = if key.section() == section {
                key.leaf()
            } else if section.is_empty() {
                key.section()
            } else {
                continue;
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
