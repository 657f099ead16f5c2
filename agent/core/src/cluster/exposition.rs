//! The two formats of an exposition of metrics, and which of them a client gets.

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4, which promtool and older scrapers read.
    Prometheus,
}

impl MetricsFormat {
    /// What a client gets that accepts this; the value of the header `Accept`, empty where there is none.
    pub fn accepted(accept: &str) -> MetricsFormat {
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
        // Names of types and parameters count in either case (RFC 9110, 5.6.6 and 8.3.1).
        match accept.to_ascii_lowercase().split(',').any(is_open) {
            true => MetricsFormat::OpenMetrics,
            false => MetricsFormat::Prometheus,
        }
    }

    /// The header `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            MetricsFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            MetricsFormat::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_openmetrics_gets_it() {
        // Prometheus 2.42.
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, format) in [
            (prometheus, MetricsFormat::OpenMetrics),
            ("application/openmetrics-text", MetricsFormat::OpenMetrics),
            (
                "text/plain, application/openmetrics-text; q=0.5",
                MetricsFormat::OpenMetrics,
            ),
            ("Application/OpenMetrics-Text", MetricsFormat::OpenMetrics),
            ("application/openmetrics-text;q=0", MetricsFormat::Prometheus),
            ("application/openmetrics-text; Q=0.0", MetricsFormat::Prometheus),
            ("text/plain;version=0.0.4", MetricsFormat::Prometheus),
            ("*/*", MetricsFormat::Prometheus),
            ("", MetricsFormat::Prometheus),
        ] {
            assert_eq!(MetricsFormat::accepted(accept), format, "{accept}");
        }
    }
}
