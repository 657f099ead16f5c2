//! Values on their way into the registry. What is written of them depends on the values alone: the same twice, label sets
//! in their order, labels by their names.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;

type Float = Gauge<f64, AtomicU64>;
/// Names of labels with their values.
pub(super) type Labels = Vec<(&'static str, String)>;

pub(super) fn gauge(registry: &mut Registry, name: &str, help: &str, value: f64) {
    registry.register(name, help, float(value));
}

pub(super) fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register(name, help, count(value));
}

/// A gauge of each label set.
pub(super) fn family(registry: &mut Registry, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
    let values = values.into_iter().map(|(labels, value)| (labels, float(value)));
    registry.register(name, help, Samples::new(values));
}

/// A counter of each label set.
pub(super) fn counters(
    registry: &mut Registry,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Labels, u64)>,
) {
    let values = values.into_iter().map(|(labels, value)| (labels, count(value)));
    registry.register(name, help, Samples::new(values));
}

pub(super) fn flag(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

fn float(value: f64) -> Float {
    let gauge = Float::default();
    gauge.set(value);
    gauge
}

fn count(value: u64) -> Counter {
    let counter = Counter::default();
    counter.inc_by(value);
    counter
}

/// The library's own family writes its label sets in the order of a hash map, another one each time.
#[derive(Debug)]
struct Samples<M>(BTreeMap<Labels, M>);

impl<M> Samples<M> {
    fn new(values: impl Iterator<Item = (Labels, M)>) -> Samples<M> {
        let in_order = values.map(|(mut labels, value)| {
            labels.sort_unstable();
            (labels, value)
        });
        Samples(in_order.collect())
    }
}

impl<M: EncodeMetric + TypedMetric> EncodeMetric for Samples<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        for (labels, value) in &self.0 {
            value.encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
