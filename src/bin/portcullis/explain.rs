//! `portcullis explain`: what happens to one request, by which rule, and why.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use portcullis::time::Timestamp;

use crate::{
    arguments::{Arguments, Failure, given},
    deployment::Deployment,
    supposition::{Asker, Bench, Supposition},
    words::Telling,
};

const OPTIONS: [&str; 11] = [
    "--config",
    "--env",
    "--method",
    "--as",
    "--claims",
    "--provider",
    "--machine",
    "--ip",
    "--country",
    "--header",
    "--at",
];

pub(crate) fn run(arguments: &[String]) -> Result<String, Failure> {
    let arguments = Arguments::parse(arguments, &OPTIONS, &["--json"])?;
    let [target] = arguments.values([""])?;
    let bench = Bench::new(&Deployment::read(arguments.option("--config"), arguments.option("--env"))?)?;

    let sent = bench.address(&target)?;
    let mut supposed = Supposition {
        method: arguments.option("--method").unwrap_or("GET").to_owned(),
        url: Bench::seen(&sent),
        sent,
        headers: Vec::new(),
        address: arguments.option("--ip").map(str::to_owned),
        country: arguments.option("--country").map(str::to_owned),
        now: arguments.option("--at").map_or_else(|| Ok(now()), moment)?,
        asker: asker(&arguments)?,
    };
    for header in arguments.all("--header") {
        let (name, value) = header.split_once(':').unwrap_or((header, "\n"));
        supposed.add_header(name, value)?;
    }
    supposed.check()?;
    let explanation = bench.explain(&mut supposed)?;
    let telling = Telling { bench: &bench, supposed: &supposed, explanation: &explanation };
    Ok(if arguments.has("--json") { format!("{:#}\n", telling.json()) } else { telling.text() })
}

fn asker(arguments: &Arguments) -> Result<Option<Asker>, Failure> {
    let claims = match (arguments.option("--as"), arguments.option("--claims")) {
        (Some(_), Some(_)) => return Err(given("--as and --claims say both who it is: give one of them")),
        (Some(file), None) => Some(fs::read_to_string(file).map_err(|error| given(format!("--as {file}: {error}")))?),
        (None, claims) => claims.map(str::to_owned),
    };
    let provider = arguments.option("--provider").map(str::to_owned);
    match (claims, provider, arguments.option("--machine")) {
        (_, Some(_), Some(_)) => Err(given("--provider is a person's, and --machine none: give one of them")),
        (claims, None, Some(token)) => Ok(Some(Asker::Machine { token: token.to_owned(), claims })),
        (Some(claims), provider, None) => Ok(Some(Asker::Person { claims, provider })),
        (None, Some(_), None) => Err(given("--provider says where somebody signed in: add claims")),
        (None, None, None) => Ok(None),
    }
}

fn moment(text: &str) -> Result<Timestamp, Failure> {
    let seconds = text.parse().map_err(|_| given(format!("--at {text:?} is not a time in seconds since 1970")))?;
    Ok(Timestamp::from_seconds(seconds))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time of whoever asks at a terminal; the gate gets it as an argument"
)]
fn now() -> Timestamp {
    Timestamp::from_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()))
}
