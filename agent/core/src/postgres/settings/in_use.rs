//! Whether a parameter's value is the one that servers read, or a wish.

use super::assignments::value_of;

/// Why a server does not have `name` as `wanted` now; nothing where it has, as far as that can be told from gp-agent.conf and from
/// the parameters that wait for a restart. What others set is told elsewhere.
pub fn not_in_use(name: &str, wanted: &str, conf: &[u8], pending: &[String]) -> Option<String> {
    match value_of(conf, name) {
        None => Some("gp-agent.conf does not set it".to_string()),
        Some(value) if value != wanted => Some(format!("gp-agent.conf has {value}")),
        Some(_) => {
            let waits = pending.iter().any(|waiting| waiting.eq_ignore_ascii_case(name));
            waits.then(|| "it waits for a restart of the postmaster".to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::conf;
    use crate::postgres::settings::Parameters;
    use proptest::prelude::*;

    #[test]
    fn a_wish_is_told_from_what_is_written() {
        let file = b"shared_buffers = '64MB'\nmax_connections = '100'\n";
        let pending = ["Max_Connections".to_string()];
        let why = |name, wanted| not_in_use(name, wanted, file, &pending);
        assert_eq!(why("shared_buffers", "64MB"), None);
        assert_eq!(why("shared_buffers", "900GB").unwrap(), "gp-agent.conf has 64MB");
        assert_eq!(why("work_mem", "4MB").unwrap(), "gp-agent.conf does not set it");
        assert_eq!(
            why("max_connections", "100").unwrap(),
            "it waits for a restart of the postmaster"
        );
        assert_eq!(why("max_connections", "200").unwrap(), "gp-agent.conf has 100");
    }

    proptest! {
        #[test]
        fn what_the_agent_has_written_is_in_use(
            parameters in proptest::collection::btree_map("[a-z_]{1,9}", "[ -~]{0,12}", 0..6),
        ) {
            let parameters: Parameters = parameters;
            let file = conf::render(&[], &[], &parameters);
            for (name, value) in &parameters {
                prop_assert_eq!(not_in_use(name, value, file.as_bytes(), &[]), None);
            }
        }
    }
}
