//! `portcullis check | explain | test`: what a site owner asks about the settings before a deployment.
//!
//! All of it is native, and none of it uses the network: the gate in it is the Worker's, with a secret that is thrown
//! away.

mod arguments;
mod check;
mod copies;
mod deployment;
mod expectations;
mod explain;
mod local_secrets;
mod misplaced;
mod platform;
mod record;
mod routes;
mod site_files;
mod slips;
mod supposition;
mod verdict;
mod words;
mod wrangler_file;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use arguments::Failure;

const USAGE: &str = "\
portcullis check [--config wrangler.toml] [--env NAME]
    What is wrong with the settings, what to register at the provider, and which secrets to store.

portcullis explain [--config wrangler.toml] [--env NAME] [--json]
                   [--as claims.json | --claims '{\"sub\": …}']
                   [--provider ID | --machine ID]
                   [--method GET] [--header 'Name: value']… [--ip 192.0.2.1] [--country CH]
                   [--at SECONDS] <address or path>
    What happens with a request, by which rule, and why. Claims are as a provider puts them into an
    ID token, or into an access token for a machine; without any, nobody is there.

portcullis test [policy.tests.toml] [--config wrangler.toml] [--env NAME]
    Whether a file of expectations holds. Prints TAP.
";

fn main() -> ExitCode {
    let arguments: Result<Vec<String>, _> = std::env::args_os().skip(1).map(OsString::into_string).collect();
    let outcome = match arguments.as_deref().map(<[String]>::split_first) {
        Err(argument) => Err(Failure::Given(format!("the argument {argument:?} is not UTF-8"))),
        Ok(Some((_, rest))) if rest.iter().any(|argument| matches!(argument.as_str(), "--help" | "-h")) => {
            Ok(USAGE.to_owned())
        }
        Ok(Some((command, rest))) => match command.as_str() {
            "check" => check::run(rest),
            "explain" => explain::run(rest),
            "test" => expectations::run(rest),
            "help" | "--help" | "-h" => Ok(USAGE.to_owned()),
            _ => Err(Failure::Given(format!("unknown command {command:?}\n\n{USAGE}"))),
        },
        Ok(None) => Err(Failure::Given(format!("which command?\n\n{USAGE}"))),
    };
    let good = outcome.is_ok();
    // An answer can be piped on; why there is none is for whoever asked.
    let written = match outcome {
        Ok(text) | Err(Failure::Told(text)) => io::stdout().lock().write_all(text.as_bytes()),
        Err(Failure::Settings(error)) => writeln!(io::stderr().lock(), "wrong: {error}"),
        Err(Failure::Given(problem)) => writeln!(io::stderr().lock(), "wrong: {}", problem.trim_end()),
    };
    if good && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
