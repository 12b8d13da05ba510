//! `portcullis explain`: what happens with one request, by which rule, and why.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use portcullis::time::Timestamp;

use crate::{
    arguments::{Arguments, Failure, given},
    deployment::Deployment,
    supposition::{Bench, Person, Supposition},
    words::Telling,
};

const OPTIONS: [&str; 10] =
    ["--config", "--env", "--method", "--as", "--claims", "--provider", "--ip", "--country", "--header", "--at"];

pub(crate) fn run(arguments: &[String]) -> Result<String, Failure> {
    let arguments = Arguments::parse(arguments, &OPTIONS, &["--json"])?;
    let [target] = arguments.values([""])?;
    let file = arguments.option("--config").unwrap_or("wrangler.toml");
    let bench = Bench::new(&Deployment::read(file.as_ref(), arguments.option("--env"))?)?;

    let mut supposed = Supposition {
        method: arguments.option("--method").unwrap_or("GET").to_owned(),
        url: bench.address(&target)?,
        headers: Vec::new(),
        address: arguments.option("--ip").map(str::to_owned),
        country: arguments.option("--country").map(str::to_owned),
        now: arguments.option("--at").map_or_else(|| Ok(now()), moment)?,
        person: person(&arguments)?,
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

fn person(arguments: &Arguments) -> Result<Option<Person>, Failure> {
    let provider = arguments.option("--provider").map(str::to_owned);
    let claims = match (arguments.option("--as"), arguments.option("--claims")) {
        (Some(_), Some(_)) => return Err(given("--as and --claims say both who it is: give one of them")),
        (Some(file), None) => fs::read_to_string(file).map_err(|error| given(format!("--as {file}: {error}")))?,
        (None, Some(claims)) => claims.to_owned(),
        (None, None) if provider.is_some() => {
            return Err(given("--provider says where somebody signed in: add claims"));
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Person { claims, provider }))
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
