//! [`Arguments`]: what follows a command; [`Failure`]: why it could not do its work.

use portcullis::config::ConfigError;

/// What follows a command: options with a value, flags without one, and the rest.
pub(crate) struct Arguments {
    options: Vec<(String, String)>,
    flags: Vec<String>,
    values: Vec<String>,
}

/// Why a command could not do its work, in words.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The settings are wrong.
    Settings(ConfigError),
    /// Something that the command was given is wrong.
    Given(String),
    /// It did its work, and has bad news.
    Told(String),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Settings(error)
    }
}

/// Something that the command was given is wrong.
pub(crate) fn given(problem: impl Into<String>) -> Failure {
    Failure::Given(problem.into())
}

/// One word of a command that is shown, as a shell takes it.
pub(crate) fn as_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Arguments {
    pub(crate) fn parse(arguments: &[String], options: &[&str], flags: &[&str]) -> Result<Self, Failure> {
        let mut parsed = Self { options: Vec::new(), flags: Vec::new(), values: Vec::new() };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            if options.contains(&name) {
                let value = value.or_else(|| arguments.next().cloned());
                parsed.options.push((name.to_owned(), value.ok_or_else(|| given(format!("{name} needs a value")))?));
            } else if flags.contains(&argument.as_str()) {
                parsed.flags.push(argument.clone());
            } else if argument.starts_with("--") {
                let known: Vec<&str> = options.iter().chain(flags).copied().collect();
                return Err(given(format!("unknown option {argument}: there are {}", known.join(", "))));
            } else {
                parsed.values.push(argument.clone());
            }
        }
        Ok(parsed)
    }

    /// The value of an option; the last one if there are several.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Every value of an option.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }

    /// The one value that is not an option, if it is there.
    pub(crate) fn value(&self) -> Result<Option<&str>, Failure> {
        match self.values.as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            [_, more, ..] => Err(given(format!("one argument too many: {more:?}"))),
        }
    }

    /// The values that are not options, with those of `instead` in place of the ones left out. Where that is empty, a
    /// value must be given.
    pub(crate) fn values<const N: usize>(&self, instead: [&str; N]) -> Result<[String; N], Failure> {
        if let Some(more) = self.values.get(N) {
            return Err(given(format!("one argument too many: {more:?}")));
        }
        let mut given_values = self.values.iter();
        let values = instead.map(|instead| given_values.next().map_or(instead, String::as_str).to_owned());
        if values.iter().any(String::is_empty) { Err(given("an argument is missing")) } else { Ok(values) }
    }
}
