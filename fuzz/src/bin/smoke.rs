//! Runs the targets on stable Rust: each on its corpus, and on so many mutations of it.
//!
//! `smoke [target]… [--runs N] [--seed N]`. The same seed makes the same inputs. An input that fails is
//! written to `artifacts/`, and run again by giving its path in the place of a target's name:
//! `smoke session artifacts/session-0`.

use std::{
    fs, io,
    panic::catch_unwind,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use portcullis_fuzz::{mutation::Mutator, targets};

/// How long one input may take. Honest ones take microseconds; on a busy machine one may have to wait,
/// so that only what is slow three times over counts.
const LONGEST: Duration = Duration::from_millis(400);
/// How long one target may take.
const PATIENCE: Duration = Duration::from_secs(3);
const RUNS: usize = 4_000;
const SEED: u64 = 0x706f_7274_6375_6c6c;

/// What the command line asks for.
struct Wanted {
    targets: Vec<String>,
    files: Vec<PathBuf>,
    runs: usize,
    seed: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> io::Result<bool> {
    let wanted = Wanted::read()?;
    let mut well = true;
    for (name, target) in targets::ALL {
        if wanted.targets.is_empty() || wanted.targets.iter().any(|one| one == name) {
            well &= smoke(name, target, &wanted)?;
        }
    }
    Ok(well)
}

impl Wanted {
    fn read() -> io::Result<Self> {
        let mut wanted = Self { targets: Vec::new(), files: Vec::new(), runs: RUNS, seed: SEED };
        let mut arguments = std::env::args().skip(1);
        let wrong = |what: String| io::Error::other(format!("{what}: smoke [target]… [file]… [--runs N] [--seed N]"));
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|text| text.parse().ok());
            match argument.as_str() {
                "--runs" => wanted.runs = number().ok_or_else(|| wrong(argument))?,
                "--seed" => wanted.seed = number().ok_or_else(|| wrong(argument))? as u64,
                name if targets::ALL.iter().any(|(own, _)| *own == name) => wanted.targets.push(argument),
                file if Path::new(file).is_file() => wanted.files.push(file.into()),
                _ => return Err(wrong(format!("there is no target and no file {argument}"))),
            }
        }
        Ok(wanted)
    }
}

/// Runs one target; whether all went well.
fn smoke(name: &str, target: fn(&[u8]), wanted: &Wanted) -> io::Result<bool> {
    if !wanted.files.is_empty() {
        let inputs = wanted.files.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
        return Ok(inputs.iter().all(|input| takes(target, input).is_ok()));
    }
    let corpus = corpus(name)?;
    let mut mutator = Mutator::new(wanted.seed, name);
    let begun = now();
    let (mut runs, mut slowest) = (0, Duration::ZERO);
    while runs < corpus.len() + wanted.runs && begun.elapsed() < PATIENCE {
        let input = corpus.get(runs).cloned().unwrap_or_else(|| mutator.make(&corpus));
        runs += 1;
        match takes(target, &input) {
            Ok(took) => slowest = slowest.max(took),
            Err(why) => {
                let file = keep(name, runs, &input)?;
                eprintln!("{name}: {why} on input {runs}, kept in {}", file.display());
                return Ok(false);
            }
        }
    }
    println!("{name}: {runs} inputs in {} ms, the slowest in {} ms", begun.elapsed().as_millis(), slowest.as_millis());
    // A target that gets nowhere tests nothing.
    Ok(runs > corpus.len())
}

/// How long the target takes for an input; what went wrong otherwise.
fn takes(target: fn(&[u8]), input: &[u8]) -> Result<Duration, &'static str> {
    let mut took = Duration::MAX;
    for _ in 0..3 {
        let begun = now();
        catch_unwind(|| target(input)).map_err(|_| "a property does not hold")?;
        took = took.min(begun.elapsed());
        if took < LONGEST {
            return Ok(took);
        }
    }
    Err("it takes too long")
}

#[expect(clippy::disallowed_methods, reason = "measures how long a target takes")]
fn now() -> Instant {
    Instant::now()
}

/// The inputs that a target begins with, in the order of their names.
fn corpus(name: &str) -> io::Result<Vec<Vec<u8>>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.sort();
    files.iter().map(fs::read).collect()
}

fn keep(name: &str, rank: usize, input: &[u8]) -> io::Result<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
    fs::create_dir_all(&directory)?;
    let file = directory.join(format!("{name}-{rank}"));
    fs::write(&file, input)?;
    Ok(file)
}
