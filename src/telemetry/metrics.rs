//! All counts as Prometheus reads them, by the conventions of its naming: prefix, base units, and
//! `_total`, which the encoder adds.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric, text},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::{Count, Snapshot};

/// What the text is, as HTTP wants it said.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Something that goes up and down, read at the moment of the question.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// Its whole name.
    pub name: &'static str,
    /// What it says, in words.
    pub help: &'static str,
    /// Its values, each with the labels that tell them apart.
    pub values: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Gauge {
    /// One with a single value.
    pub fn of(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name, help, values: vec![(Vec::new(), value)] }
    }
}

/// What `field` of the counts is called as a metric, without `_total`.
pub fn name_of(field: &str) -> String {
    let name = match field {
        "accepted" => "connections_accepted",
        "refused" => "connections_refused",
        "named" => "sessions_named",
        "ended" => "sessions_ended",
        "chunks" => "session_chunks",
        "received_bytes" => "session_received_bytes",
        "sent_bytes" => "session_sent_bytes",
        "answered" => "frames_answered",
        "idle" => "sessions_idle",
        "denied" => "sessions_denied",
        "panics" => "actor_panics",
        "restarts" => "actor_restarts",
        "given_up" => "actors_given_up",
        "taps" => "taps_opened",
        other => other,
    };
    format!("tetherd_{name}")
}

/// All counts and these gauges as text.
///
/// # Errors
/// Never, as far as is known: memory is written to.
pub fn render(counts: &Snapshot, gauges: &[Gauge]) -> Result<String, fmt::Error> {
    let mut text = String::new();
    let mut rest: Vec<&Count> = counts.iter().collect();
    rest.sort_by_key(|count| count.name);
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register_collector(Box::new(Reading {
        counts: rest.into_iter().copied().collect(),
        gauges: gauges.to_vec(),
    }));
    text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Reading {
    counts: Vec<Count>,
    gauges: Vec<Gauge>,
}

impl prometheus_client::collector::Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for of_one in self.counts.chunk_by(|one, next| one.name == next.name) {
            let Some(first) = of_one.first() else { continue };
            let help = first.help.trim().trim_end_matches('.');
            let name = name_of(first.name);
            let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            match first.label {
                None => ConstCounter::new(first.value).encode(metric)?,
                Some(_) => {
                    for (label, value) in
                        of_one.iter().filter_map(|one| Some((one.label?, one.value)))
                    {
                        ConstCounter::new(value).encode(metric.encode_family(&[label])?)?;
                    }
                }
            }
        }
        for gauge in &self.gauges {
            encode_gauge(&mut encoder, gauge)?;
        }
        Ok(())
    }
}

fn encode_gauge(encoder: &mut DescriptorEncoder<'_>, gauge: &Gauge) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(gauge.name, gauge.help, None, MetricType::Gauge)?;
    if let [(labels, value)] = &gauge.values[..]
        && labels.is_empty()
    {
        return ConstGauge::new(*value).encode(metric);
    }
    gauge.values.iter().try_for_each(|(labels, value)| {
        ConstGauge::new(*value).encode(metric.encode_family(labels)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    #[test]
    fn every_count_and_every_word_is_rendered_with_its_value() {
        let telemetry = Telemetry::discarding();
        telemetry.observer_missed(7);
        let gauge = Gauge {
            name: "tetherd_link_up",
            help: "Whether",
            values: vec![(vec![("upstream", "w\"eb".to_owned())], 1.0)],
        };
        let counts = telemetry.counts().snapshot();
        let text = render(&counts, &[gauge]).unwrap();
        for count in counts.iter() {
            let name = name_of(count.name);
            let line = match count.label {
                None => format!("\n{name}_total {}\n", count.value),
                Some((key, word)) => {
                    format!("\n{name}_total{{{key}=\"{word}\"}} {}\n", count.value)
                }
            };
            assert!(text.contains(&line), "{line}\n{text}");
            assert!(text.contains(&format!("# TYPE {name} counter\n")), "{name}");
        }
        assert!(text.contains("tetherd_observer_missed_total 7\n"));
        assert!(text.contains("tetherd_link_up{upstream=\"w\\\"eb\"} 1.0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
