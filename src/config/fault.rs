use std::fmt;

/// How much a fault matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing starts with it.
    Error,
    /// It works, and may surprise.
    Warning,
}

/// One thing that is wrong with a configuration: where, which key, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether it keeps the program from starting.
    pub severity: Severity,
    /// The layer that set the value: a file with its line, a variable, an option.
    pub origin: String,
    /// The key in full, such as `listener.dtu.address`; empty where the fault is about a layer.
    pub key: String,
    /// What is wrong and what to do; secrets are never in it.
    pub text: String,
}

impl Fault {
    pub(super) fn error(origin: impl Into<String>, key: impl Into<String>, text: String) -> Self {
        Self { severity: Severity::Error, origin: origin.into(), key: key.into(), text }
    }

    /// The layer and the line within it.
    fn place(&self) -> (&str, usize) {
        match self.origin.rsplit_once(':') {
            Some((label, line)) => match line.parse() {
                Ok(line) => (label, line),
                Err(_) => (&self.origin, 0),
            },
            None => (&self.origin, 0),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        for part in [&self.origin, &self.key] {
            if !part.is_empty() {
                write!(f, "{}: ", printable(part))?;
            }
        }
        f.write_str(&printable(&self.text))
    }
}

/// All that is wrong with a configuration, in the order of its layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Sorts by layer as `labels` lists them, and by line within a layer.
    pub(super) fn sorted(mut faults: Vec<Fault>, labels: &[String]) -> Self {
        let rank = |fault: &Fault| {
            let (label, line) = fault.place();
            (labels.iter().position(|known| known == label).unwrap_or(labels.len()), line)
        };
        faults.sort_by_cached_key(rank);
        faults.dedup();
        Self(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// `text` with control characters escaped, so that it can be shown on a terminal.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_without_control_characters() {
        let fault = Fault::error("a.toml:1", "a\u{1b}[31m", "is wrong\nin two lines".to_owned());
        assert_eq!(fault.to_string(), "a.toml:1: a\\u{1b}[31m: is wrong\\nin two lines");
    }

    #[test]
    fn faults_stand_in_the_order_of_layers_and_lines() {
        let labels = ["b.toml".to_owned(), "a.toml".to_owned()];
        let at = |origin: &str| Fault::error(origin, "k", String::new());
        let faults = Faults::sorted(
            vec![at("--set"), at("a.toml:2"), at("b.toml:10"), at("b.toml:9")],
            &labels,
        );
        let order: Vec<&str> = faults.0.iter().map(|fault| fault.origin.as_str()).collect();
        assert_eq!(order, ["b.toml:9", "b.toml:10", "a.toml:2", "--set"]);
    }
}
