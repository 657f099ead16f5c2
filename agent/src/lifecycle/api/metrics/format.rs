//! The two formats of an exposition, and which of them a client gets.

use std::collections::HashSet;

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4, which promtool and older scrapers read.
    Prometheus,
}

impl Format {
    /// What a client gets that accepts this; the value of the header `Accept`, empty where there is none.
    pub(crate) fn accepted(accept: &str) -> Format {
        let is_open = |range: &str| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts.next() == Some("application/openmetrics-text");
            // RFC 9110, 12.4.2: a weight of 0 is "not acceptable".
            let refused = parts.any(|part| {
                let weight = part.strip_prefix("q=").and_then(|weight| weight.parse::<f64>().ok());
                weight == Some(0.0)
            });
            named && !refused
        };
        match accept.split(',').any(is_open) {
            true => Format::OpenMetrics,
            false => Format::Prometheus,
        }
    }

    /// The header `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// What was written as OpenMetrics, in this format.
    pub(super) fn of(self, text: String) -> String {
        match self {
            Format::OpenMetrics => text,
            Format::Prometheus => classic(&text),
        }
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
    fn who_names_openmetrics_gets_it() {
        // Prometheus 2.42.
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("text/plain, application/openmetrics-text; q=0.5", Format::OpenMetrics),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("text/plain;version=0.0.4", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("", Format::Prometheus),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_counter_has_one_name_in_prometheus_format() {
        let open = "# HELP a_b How often.\n# TYPE a_b counter\na_b_total{x=\"# TYPE a_b\"} 1\n# HELP a_b_c G.\n\
                    # TYPE a_b_c gauge\na_b_c 1.5\n# EOF\n";
        let text = "# HELP a_b_total How often.\n# TYPE a_b_total counter\na_b_total{x=\"# TYPE a_b\"} 1\n\
                    # HELP a_b_c G.\n# TYPE a_b_c gauge\na_b_c 1.5\n";
        assert_eq!(Format::Prometheus.of(open.to_string()), text);
        assert_eq!(Format::OpenMetrics.of(open.to_string()), open);
    }
}
