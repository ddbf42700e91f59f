use clap::Args;
use hyper::Method;
use serde_json::Value;

use super::{ApiArgs, ApiFault, devices::write};
use crate::config::{Options, printable};

pub const EXAMPLES: &str = "\
Examples:
  tetherd check && tetherd reload
  tetherd reload --json | jq -r '.needs_restart[].key'
  tetherd reload --api http://10.0.0.5:7080 --token-file ops.token

Exit codes: 0 taken over (some of it perhaps after the next start), 1 the gateway cannot be asked,
2 the configuration has faults, and nothing has changed.";

/// `tetherd reload`
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// Write what has changed as JSON, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    api: ApiArgs,
}

pub(super) async fn run(args: &ReloadArgs, options: &Options) -> Result<(), ApiFault> {
    let client = args.api.client(options)?;
    let report = client.change(Method::POST, "/api/reload", None).await?;
    write(&if args.json { format!("{report}\n") } else { shown(&report) })
}

fn shown(report: &Value) -> String {
    let list = |key: &str| report[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let warnings = list("warnings").iter().filter_map(Value::as_str);
    let mut lines: Vec<String> = warnings.map(printable).collect();
    lines.extend(list("applied").iter().map(change));
    if lines.is_empty() && list("needs_restart").is_empty() {
        lines.push("nothing has changed".to_owned());
    }
    let later = list("needs_restart").iter().map(change);
    lines.extend(later.map(|line| format!("after the next start: {line}")));
    lines.push(String::new());
    lines.join("\n")
}

/// `listener.dtu.idle_timeout: "10m" -> "3m"`
fn change(change: &Value) -> String {
    let told = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        value => value.to_string(),
    };
    let key = change["key"].as_str().unwrap_or_default();
    printable(&format!("{key}: {} -> {}", told(&change["before"]), told(&change["now"])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_change_is_a_line_and_so_is_that_there_is_none() {
        let report = json!({
            "applied": [{ "key": "listener.dtu.idle_timeout", "before": "10m", "now": "3m" }],
            "needs_restart": [{ "key": "threads", "now": 2 }],
            "warnings": [],
        });
        assert_eq!(
            shown(&report),
            "listener.dtu.idle_timeout: \"10m\" -> \"3m\"\n\
             after the next start: threads: nothing -> 2\n"
        );
        assert_eq!(shown(&json!({})), "nothing has changed\n");
    }
}
