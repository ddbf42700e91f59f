//! The `tetherd` command.

fn main() -> std::process::ExitCode {
    tetherd::cli::main(std::env::args_os())
}
