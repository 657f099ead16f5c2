//! Parameters that a hot standby needs at least as large as its primary has them.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in postgresql.conf.
    pub name: &'static str,
    /// Its name in what pg_controldata prints; before PostgreSQL 9.5 with `Current` in front.
    printed: &'static str,
}

/// CheckRequiredParameterValues (xlogrecovery.c, before PostgreSQL 15 xlog.c). pg_controldata prints those that its version
/// compares: max_worker_processes since 9.4, max_wal_senders since 12, the others always.
pub const PARAMETERS: &[Parameter] = &[
    parameter("max_connections", "max_connections setting"),
    parameter("max_worker_processes", "max_worker_processes setting"),
    parameter("max_wal_senders", "max_wal_senders setting"),
    parameter("max_prepared_transactions", "max_prepared_xacts setting"),
    parameter("max_locks_per_transaction", "max_locks_per_xact setting"),
];

const fn parameter(name: &'static str, printed: &'static str) -> Parameter {
    Parameter { name, printed }
}

/// A parameter and a value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// The parameter.
    pub name: &'static str,
    /// What the write-ahead log that is to be replayed was written with.
    pub value: u64,
}

/// What a server needs that replays into the directory of which pg_controldata printed this.
pub(crate) fn required_by(control_data: &str) -> Vec<Required> {
    let value = |printed: &str| {
        control_data.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            let key = key.trim();
            let same = key.strip_prefix("Current ").unwrap_or(key) == printed;
            same.then(|| value.trim().parse().ok())?
        })
    };
    let of = |parameter: &Parameter| {
        let name = parameter.name;
        value(parameter.printed).map(|value| Required { name, value })
    };
    PARAMETERS.iter().filter_map(of).collect()
}

/// What of it is more than `set` says. A parameter that `set` does not know is left out: there is nothing to raise.
pub fn raised(required: &[Required], set: impl Fn(&str) -> Option<u64>) -> Vec<Required> {
    let lacks = |required: &&Required| set(required.name).is_some_and(|set| set < required.value);
    required.iter().filter(lacks).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_versions_print() {
        let fifteen = "wal_level setting:                    replica\nmax_connections setting:              100\n\
            max_worker_processes setting:         8\nmax_wal_senders setting:              10\n\
            max_prepared_xacts setting:           0\nmax_locks_per_xact setting:           64\n";
        let values: Vec<u64> = required_by(fifteen).iter().map(|r| r.value).collect();
        assert_eq!(values, [100, 8, 10, 0, 64]);
        let nine = "Current wal_level setting:            hot_standby\nCurrent max_connections setting:      250\n";
        let name = "max_connections";
        assert_eq!(required_by(nine), [Required { name, value: 250 }]);
        assert_eq!(required_by("max_connections setting: many\n"), []);
    }

    proptest! {
        /// The larger of both, for every parameter.
        #[test]
        fn never_less_than_wanted_and_never_less_than_needed(values in proptest::collection::vec((0u64..300, 0u64..300), 5)) {
            let required: Vec<Required> = PARAMETERS
                .iter()
                .zip(&values)
                .map(|(p, (needed, _))| Required { name: p.name, value: *needed })
                .collect();
            let wanted = |name: &str| {
                PARAMETERS.iter().position(|p| p.name == name).map(|i| values[i].1)
            };
            let raised = raised(&required, wanted);
            for (parameter, (needed, wanted)) in PARAMETERS.iter().zip(&values) {
                let given = raised.iter().find(|r| r.name == parameter.name).map_or(*wanted, |r| r.value);
                prop_assert_eq!(given, *needed.max(wanted));
            }
        }
    }
}
