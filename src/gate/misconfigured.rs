//! What everybody is told while the settings are wrong.

use super::{Answer, Event, EventKind, RequestKind, problem::problem};
use crate::{
    config::ConfigError,
    edge::{Edge, RequestHead},
    pages::{self, Page, WayOn},
};

/// The answer to everything while the settings are wrong: the log says what is wrong, the page does not.
pub fn misconfigured<E: Edge>(edge: &E, head: &impl RequestHead, error: &ConfigError) -> Answer {
    let request = super::request_id(edge);
    let event = Event::new(EventKind::SettingsWrong, "settings_wrong", &request);
    edge.log(&event.with("setting", &error.setting).with("problem", &error.problem));
    let (title, text) = (
        "This site is not set up",
        "The gate in front of this site has wrong settings. Tell the people who run it; their log says what is wrong.",
    );
    if RequestKind::of(head) == RequestKind::Script {
        return problem(500, "settings_wrong", title, text, &request, (None, None));
    }
    Answer::page(
        500,
        &pages::render(
            &Page::Refusal { code: "settings_wrong", title, text, person: None, way_on: WayOn::Nowhere },
            &request,
        ),
    )
}
