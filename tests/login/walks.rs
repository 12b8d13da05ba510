//! Random walks over sign-in: two browsers, two isolates, and whatever can happen between them. After every answer the
//! gate is held against an account that is kept beside it (`model.rs`).
//!
//! `WALKS=20000 cargo test --features check --test login walks` takes more of them, `SEED=7` others.

mod model;
mod surroundings;
mod walk;
mod watch;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use model::{Settings, Switched};
use walk::Walk;

/// Who does something, and whose isolates answer.
#[derive(Clone, Copy, Debug)]
struct Tab {
    browser: usize,
    isolate: usize,
    /// The other isolate has every second request.
    alternates: bool,
}

/// What happens next. A number that chooses among what there is counts from the last, and round.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody opens a page and follows where it leads.
    Open(Tab, usize),
    /// A script asks for a page.
    Ask(Tab, usize),
    /// Somebody opens a page, and leaves the tab at the provider.
    Leave(Tab, usize),
    /// Somebody takes up a tab that was left, perhaps another's, and signs in.
    TakeUp(Tab, usize),
    /// The same, and the provider declines.
    Decline(Tab, usize),
    /// The same, and the answer is not opened yet.
    Hold(Tab, usize),
    /// Somebody opens an answer of the provider again, perhaps another's.
    Replay(Tab, usize),
    /// Somebody takes up a tab, and in the answer another's code is put in the place of the own.
    Splice(Tab, usize, usize),
    /// Somebody wants another account for a page.
    Change(Tab, usize),
    LogOut(Tab),
    /// Another site sends the form.
    ForeignLogOut(Tab),
    /// A browser loses its cookies: all, those of logins, or those of the session.
    Lose(usize, Kept),
    /// A browser gets the cookies of the other.
    Copy(usize, Kept),
    /// A browser keeps sessions no longer, or again.
    Forget(usize, bool),
    Pass(u32),
    Provider(Health),
    Kv(KvHealth),
    Switch(Switched),
    /// New settings in both isolates or in one.
    Deploy(Option<usize>, Settings),
    Rotate(Option<usize>, Rotation),
}

/// Which cookies.
#[derive(Clone, Copy, Debug)]
enum Kept {
    All,
    Logins,
    Session,
}

#[derive(Clone, Copy, Debug)]
enum Health {
    Well,
    Down(&'static str),
    Rotates,
    /// It signs with a key that it publishes later.
    RotatesUnseen,
    PassesOverMaxAge,
    PassesOverChallenges,
    NamesNoIssuer,
}

#[derive(Clone, Copy, Debug)]
enum KvHealth {
    Well,
    Unreadable,
    Drags,
    Lags,
}

#[derive(Clone, Copy, Debug)]
enum Rotation {
    /// The next secret counts already.
    Announced,
    /// The old secret still counts.
    Kept,
    /// The old one counts no longer.
    Dropped,
    /// A new one by itself.
    Replaced,
}

fn tab() -> impl Strategy<Value = Tab> {
    (0..2_usize, 0..2_usize, prop::bool::weighted(0.25)).prop_map(|(browser, isolate, alternates)| Tab {
        browser,
        isolate,
        alternates,
    })
}

/// What a walk is mostly about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Theme {
    Anything,
    Answers,
    Settings,
    Switches,
}

fn step(theme: Theme) -> impl Strategy<Value = Step> {
    let (answers, settings_too, switches) =
        [Theme::Answers, Theme::Settings, Theme::Switches].map(|other| if theme == other { 5 } else { 1 }).into();
    // The page whose rule is switched to and fro has more visitors where walks are about that.
    let page = move || prop_oneof![4 => 0..model::PAGES.len(), switches => Just(model::ADMIN)];
    let kept = || prop_oneof![Just(Kept::All), Just(Kept::Logins), Just(Kept::Session)];
    let where_to = || prop_oneof![Just(None), Just(Some(0)), Just(Some(1))];
    let settings = prop_oneof![
        3 => Just(Settings::Plain),
        1 => Just(Settings::OtherGroup),
        1 => Just(Settings::OneProvider),
        1 => Just(Settings::NothingOpen),
        1 => Just(Settings::ShortSessions),
        1 => Just(Settings::MovedProvider),
    ];
    let health = prop_oneof![
        3 => Just(Health::Well),
        2 => prop_oneof![Just("openid-configuration"), Just("jwks"), Just("token")].prop_map(Health::Down),
        1 => Just(Health::Rotates),
        1 => Just(Health::RotatesUnseen),
        1 => Just(Health::PassesOverMaxAge),
        3 * answers => Just(Health::PassesOverChallenges),
        1 => Just(Health::NamesNoIssuer),
    ];
    let kv = prop_oneof![
        2 => Just(KvHealth::Well), 1 => Just(KvHealth::Unreadable), 1 => Just(KvHealth::Drags), 1 => Just(KvHealth::Lags)
    ];
    let switched = prop_oneof![
        3 => Just(Switched::Nothing),
        1 => (5..90_u16).prop_map(Switched::AdminOff),
        1 => (5..2_000_u16).prop_map(Switched::AdminOptional),
        1 => Just(Switched::OpenOn),
        1 => Just(Switched::LockedDown),
    ];
    let rotation = prop_oneof![2 => Just(Rotation::Announced), 2 => Just(Rotation::Kept), 1 => Just(Rotation::Dropped), 1 => Just(Rotation::Replaced)];
    let seconds = prop_oneof![
        4 => 0..10_u32, 3 + 3 * switches => 10..90_u32, 2 => 500..700_u32, 2 => 800..1_000_u32, 1 => 3_500..3_700_u32, 1 => 28_700..28_900_u32
    ];
    prop_oneof![
        8 => (tab(), page()).prop_map(|(tab, page)| Step::Open(tab, page)),
        4 * switches => (tab(), page()).prop_map(|(tab, page)| Step::Ask(tab, page)),
        4 * answers => (tab(), page()).prop_map(|(tab, page)| Step::Leave(tab, page)),
        4 => (tab(), 0..4_usize).prop_map(|(tab, left)| Step::TakeUp(tab, left)),
        1 => (tab(), 0..4_usize).prop_map(|(tab, left)| Step::Decline(tab, left)),
        3 * answers => (tab(), 0..2_usize).prop_map(|(tab, left)| Step::Hold(tab, left)),
        4 => (tab(), 0..5_usize).prop_map(|(tab, answer)| Step::Replay(tab, answer)),
        2 * answers => (tab(), 0..3_usize, 0..3_usize).prop_map(|(tab, state, code)| Step::Splice(tab, state, code)),
        2 => (tab(), page()).prop_map(|(tab, page)| Step::Change(tab, page)),
        3 => tab().prop_map(Step::LogOut),
        1 => tab().prop_map(Step::ForeignLogOut),
        2 => (0..2_usize, kept()).prop_map(|(browser, kept)| Step::Lose(browser, kept)),
        2 * answers => (0..2_usize, kept()).prop_map(|(browser, kept)| Step::Copy(browser, kept)),
        1 => (0..2_usize, any::<bool>()).prop_map(|(browser, forgets)| Step::Forget(browser, forgets)),
        2 * switches + 4 * settings_too => seconds.prop_map(Step::Pass),
        1 + answers => health.prop_map(Step::Provider),
        switches => kv.prop_map(Step::Kv),
        2 * switches => switched.prop_map(Step::Switch),
        2 * settings_too => (where_to(), settings).prop_map(|(isolate, settings)| Step::Deploy(isolate, settings)),
        2 => (where_to(), rotation).prop_map(|(isolate, rotation)| Step::Rotate(isolate, rotation)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let about = |theme| vec(step(theme), 1..40);
    prop_oneof![about(Theme::Anything), about(Theme::Answers), about(Theme::Settings), about(Theme::Switches)]
}

#[test]
fn walks_over_sign_in_end_where_they_should_and_as_whom_they_should() {
    let number = |name: &str, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"));
    let config = Config {
        cases: number("WALKS", 1_200),
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let seed = [u8::try_from(number("SEED", 1)).expect("a small number"); 32];
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let result = runner.run(&steps(), |steps| {
        let mut walk = Walk::new();
        for (index, step) in steps.iter().enumerate() {
            walk.take(step).map_err(|why| TestCaseError::fail(format!("step {index}, {step:?}: {why}")))?;
        }
        walk.settle().map_err(|why| TestCaseError::fail(format!("after all: {why}")))
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, steps)) => {
            let lines: Vec<String> = steps.iter().map(|step| format!("  {step:?}")).collect();
            panic!("{why}\nThe shortest walk there:\n{}", lines.join("\n"));
        }
        Err(why) => panic!("{why}"),
    }
}
