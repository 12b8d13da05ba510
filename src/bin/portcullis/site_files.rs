//! [`SiteFiles`]: the directory whose files go out with the site, and what in it probably should not.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The directory of `[assets]`, and the directory of the file that names it.
pub(crate) struct SiteFiles {
    directory: PathBuf,
    here: PathBuf,
}

impl SiteFiles {
    /// `None` if there is no such directory.
    pub(crate) fn find(here: &Path, name: &str) -> Option<Self> {
        let here = Path::new(".").join(here);
        Some(Self { directory: here.join(name).canonicalize().ok()?, here: here.canonicalize().ok()? })
    }

    /// Whether the file that names the directory is in it, and so everything beside that file too.
    pub(crate) fn hold_the_deployment(&self) -> bool {
        self.here.starts_with(&self.directory)
    }

    /// The name of a file with secrets among them. Wrangler leaves out only those that `.assetsignore` names.
    pub(crate) fn secret(&self) -> Option<String> {
        let ignored = fs::read_to_string(self.directory.join(".assetsignore")).unwrap_or_default();
        let is_named = |name: &str, line: &str| {
            let line = line.trim().trim_start_matches('/');
            line == name
                || line.strip_suffix('*').is_some_and(|begin| begin.starts_with('.') && name.starts_with(begin))
        };
        let places = [Some(&self.directory), self.hold_the_deployment().then_some(&self.here)];
        let entries = places.into_iter().flatten().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.find(|name| is_secret(name) && !ignored.lines().any(|line| is_named(name, line)))
    }

    /// Every file with the path at which it is requested, in a stable order. Links are not followed.
    pub(crate) fn all(&self) -> Vec<(String, PathBuf)> {
        let (mut files, mut directories) = (Vec::new(), vec![(String::new(), self.directory.clone())]);
        while let Some((path, directory)) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = format!("{path}/{}", entry.file_name().to_string_lossy());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && path != "/node_modules" => directories.push((path, entry.path())),
                    Ok(kind) if kind.is_file() => files.push((path, entry.path())),
                    _ => {}
                }
            }
        }
        files.sort();
        files
    }

    /// The lines of `_redirects` that show one file under the path of another.
    pub(crate) fn rewrites(&self) -> Vec<String> {
        let redirects = fs::read_to_string(self.directory.join("_redirects")).unwrap_or_default();
        let lines = redirects.lines().filter(|line| line.split_whitespace().nth(2) == Some("200"));
        lines.map(str::to_owned).collect()
    }
}

fn is_secret(name: &str) -> bool {
    let is_example = name.ends_with(".example");
    !is_example && (name.starts_with(".dev.vars") || name == ".env" || name.starts_with(".env."))
}
