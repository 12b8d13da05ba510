//! Which file, and which environment in it, wrangler would deploy: the commands read the same.

use std::{env, path::Path};

use portcullis::config::ConfigError;

use crate::deployment::wrong;

const FILE: &str = "wrangler.toml";
/// What wrangler prefers to it, here or in a directory above.
const BEFORE: [&str; 3] = [".wrangler/deploy/config.json", "wrangler.json", "wrangler.jsonc"];

/// The file that was given, or else `wrangler.toml`, if that is what wrangler takes.
pub(crate) fn file(given: Option<&str>) -> Result<&str, ConfigError> {
    if let Some(file) = given {
        return if file.ends_with(".json") || file.ends_with(".jsonc") {
            Err(wrong(file, "is JSON: the commands read a wrangler.toml, as wrangler does"))
        } else {
            Ok(file)
        };
    }
    let here = env::current_dir().unwrap_or_default();
    let first = here.ancestors().find_map(first_in);
    first.map_or(Ok(FILE), |other| {
        Err(wrong(
            FILE,
            format!(
                "is not what wrangler deploys: it takes {other} before it. Keep one of them, or say --config {FILE} here and to wrangler"
            ),
        ))
    })
}

fn first_in(directory: &Path) -> Option<String> {
    BEFORE
        .map(|name| directory.join(name))
        .into_iter()
        .find(|file| file.is_file())
        .map(|file| file.display().to_string())
}

/// The environment that was given, or else that of `CLOUDFLARE_ENV`. An empty one means the top of the file.
pub(crate) fn environment(given: Option<&str>) -> Option<String> {
    let chosen = given.map(str::to_owned).or_else(|| env::var("CLOUDFLARE_ENV").ok());
    chosen.filter(|name| !name.is_empty())
}
