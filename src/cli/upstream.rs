//! `tetherd upstream`: trying a web server before devices depend on it.

mod gateway;
mod report;
mod script;
mod trial;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use self::{
    gateway::{Gateway, Way},
    report::Report,
    script::Script,
};
use crate::{link::Encoding, model::UnixMillis, net::Address, units::Span};

/// Arguments of `tetherd upstream`.
#[derive(Clone, Debug, clap::Args)]
pub struct UpstreamArgs {
    #[command(subcommand)]
    command: UpstreamCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum UpstreamCommand {
    /// Play a gateway that repeats, breaks off in mid-line, jumps and restarts, and say whether
    /// your web server copes.
    Test(TestArgs),
}

/// Arguments of `tetherd upstream test`.
#[derive(Clone, Debug, clap::Args)]
struct TestArgs {
    /// Where your web server listens: host:port, [::1]:port or unix:/path.
    address: Address,
    /// Listen at ADDRESS instead, and let your web server connect.
    #[arg(long)]
    accept: bool,
    /// The token that your web server says in its first line.
    #[arg(long, requires = "accept")]
    token: Option<String>,
    /// How the devices' bytes are written: base64, hex, text or buffer.
    #[arg(long, default_value = "base64", value_parser = encoding)]
    encoding: Encoding,
    /// How long your web server may take for an acknowledgement.
    #[arg(long, default_value = "10s", value_parser = patience)]
    patience: Span,
    /// With --accept: how long your web server may take to connect, each time.
    #[arg(long, requires = "accept", default_value = "30s", value_parser = patience)]
    reconnect: Span,
}

/// Reads how bytes are written.
pub(super) fn encoding(text: &str) -> Result<Encoding, String> {
    serde_json::from_value(text.into()).map_err(|_| "write base64, hex, text or buffer".to_owned())
}

fn patience(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|fault: crate::units::UnitFault| fault.to_string())?;
    span.non_zero().map(Span).ok_or_else(|| "nobody answers in no time".to_owned())
}

/// Runs the subcommand; 0 where all is well, 1 where a check failed.
pub fn run(args: &UpstreamArgs) -> ExitCode {
    let UpstreamCommand::Test(args) = &args.command;
    match test(args, io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "tetherd: upstream test: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tries the web server; answers whether every check passed.
fn test(args: &TestArgs, out: impl Write) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::new(out);
        let way = Way::new(args).await.map_err(|error| {
            let place = args.address.to_string().escape_debug().to_string();
            io::Error::new(error.kind(), format!("cannot listen at {place}: {error}"))
        })?;
        let script = Script::new(UnixMillis::now(), args.encoding);
        let mut gateway = Gateway::new(way, script, args);
        report.begin(&gateway, args)?;
        let played = trial::play(&mut gateway, &mut report).await;
        if let (true, Address::Unix(path)) = (args.accept, &args.address) {
            let _ = std::fs::remove_file(path);
        }
        played?;
        report.end(&gateway)
    })
}

#[cfg(test)]
mod tests;
