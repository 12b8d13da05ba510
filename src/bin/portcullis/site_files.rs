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
        let mut files = self.all().into_iter().map(|(path, _)| path.trim_start_matches('/').to_owned());
        files.find(|path| {
            let name = path.rsplit('/').next().unwrap_or_default();
            is_secret(name) && !ignored.lines().any(|line| leaves_out(line.trim(), path))
        })
    }

    /// Every file with the path at which it is requested, in a stable order. Links to directories are not followed.
    pub(crate) fn all(&self) -> Vec<(String, PathBuf)> {
        let (mut files, mut directories) = (Vec::new(), vec![(String::new(), self.directory.clone())]);
        while let Some((path, directory)) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = format!("{path}/{}", entry.file_name().to_string_lossy());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && path != "/node_modules" => directories.push((path, entry.path())),
                    Ok(_) if entry.path().is_file() => files.push((path, entry.path())),
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

/// Whether a line of `.assetsignore` leaves out this file or a folder that it is in. As in `.gitignore`: with a slash
/// in it, a line is about paths from the top on, and otherwise about names in any folder. Of stars it knows those at an
/// end.
fn leaves_out(line: &str, path: &str) -> bool {
    let line = line.trim_end_matches("/**").trim_end_matches('/');
    let of_names = line.strip_prefix("**/").unwrap_or(line);
    let is_of_names = !of_names.contains('/');
    let line = if is_of_names { of_names } else { line.trim_start_matches('/') };
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).any(|place| {
        let name = place.rsplit('/').next().unwrap_or_default();
        let compared = if is_of_names { name } else { place };
        compared == line
            || line.strip_suffix('*').is_some_and(|begin| {
                let last = begin.rsplit('/').next().unwrap_or_default();
                last.starts_with('.') && compared.strip_prefix(begin).is_some_and(|rest| !rest.contains('/'))
            })
    })
}
