//! [`StepUp`]: what a person who is signed in has to authenticate anew for (RFC 9470).

use crate::time::Lifetime;

/// What a new authentication has to bring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// One of these context classes, the preferred one first (`acr_values`, Core 3.1.2.1).
    pub classes: Vec<String>,
    /// An authentication no older than this (`max_age`, Core 3.1.2.1).
    pub max_age: Option<Lifetime>,
    /// Another method than before: none can be asked for by name, so the person is asked to authenticate anew
    /// (`prompt=login`).
    pub anew: bool,
}

impl StepUp {
    /// Whether there is nothing to ask for.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn add_classes(&mut self, classes: &[String]) {
        for class in classes {
            if !self.classes.contains(class) {
                self.classes.push(class.clone());
            }
        }
    }

    /// The parameters of the challenge (RFC 9470, 3), after those of its scheme.
    pub fn challenge(&self) -> String {
        let mut text = ", error=\"insufficient_user_authentication\"".to_owned();
        if !self.classes.is_empty() {
            text.push_str(", acr_values=\"");
            text.push_str(&self.classes.join(" "));
            text.push('"');
        }
        if let Some(age) = self.max_age {
            text.push_str(", max_age=\"");
            text.push_str(&age.seconds().to_string());
            text.push('"');
        }
        text
    }
}
