//! Metrics in one of their two formats.

use gp_agent_core::cluster::exposition::MetricsFormat;
use std::collections::HashSet;

/// What was written as OpenMetrics, in that format.
pub(super) fn written(text: String, format: MetricsFormat) -> String {
    match format {
        MetricsFormat::OpenMetrics => text,
        MetricsFormat::Prometheus => classic(&text),
    }
}

/// OpenMetrics names a counter without `_total` where it says what it is; Prometheus' format has one name everywhere, and
/// no mark of its end.
fn classic(text: &str) -> String {
    let described = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let counters: HashSet<&str> = described.filter_map(|rest| rest.strip_suffix(" counter")).collect();
    let mut classic = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(about), Some(name), Some(rest)) if counters.contains(name) => {
                classic.extend(["# ", about, " ", name, "_total ", rest]);
            }
            _ => classic.push_str(line),
        }
        classic.push('\n');
    }
    classic
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_has_one_name_in_prometheus_format() {
        let open = "# HELP a_b How often.\n# TYPE a_b counter\na_b_total{x=\"# TYPE a_b\"} 1\n# HELP a_b_c G.\n\
                    # TYPE a_b_c gauge\na_b_c 1.5\n# EOF\n";
        let text = "# HELP a_b_total How often.\n# TYPE a_b_total counter\na_b_total{x=\"# TYPE a_b\"} 1\n\
                    # HELP a_b_c G.\n# TYPE a_b_c gauge\na_b_c 1.5\n";
        assert_eq!(written(open.to_string(), MetricsFormat::Prometheus), text);
        assert_eq!(written(open.to_string(), MetricsFormat::OpenMetrics), open);
    }
}
