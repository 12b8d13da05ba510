//! What happens around the gate: to browsers, providers and KV, and what is deployed.

use super::{
    Health, Kept, KvHealth, Rotation, Step,
    model::{Deployed, MOVED, OTHER, SECRETS, SESSION, Settings, Switched, WORK},
    walk::Walk,
};
use crate::support::{
    operator::sealed,
    provider::{Fault, Provider},
    world::{Isolate, Reading},
};

impl Walk {
    /// A step that sends no request.
    pub(super) fn happen(&mut self, step: &Step) {
        match step {
            Step::Lose(browser, kept) => {
                let own = &self.browsers[*browser];
                self.browsers[*browser] = match kept {
                    Kept::All => own.twin("nothing"),
                    Kept::Logins => {
                        own.forget("-login-");
                        own.clone()
                    }
                    Kept::Session => own.twin("-login-"),
                };
            }
            Step::Copy(browser, kept) => {
                let other = &self.browsers[1 - *browser];
                for name in other.cookie_names() {
                    let is_copied = match kept {
                        Kept::All => true,
                        Kept::Logins => name.contains("-login-"),
                        Kept::Session => name == SESSION,
                    };
                    if is_copied {
                        self.browsers[*browser].set_cookie(&name, &other.cookie(&name).unwrap());
                    }
                }
                self.forget(*browser);
            }
            Step::Forget(browser, forgets) => {
                self.forgets[*browser] = *forgets;
                self.forget(*browser);
            }
            Step::Pass(seconds) => self.world.pass(u64::from(*seconds)),
            Step::Provider(health) => self.make_provider(*health),
            Step::Kv(health) => self.make_kv(*health),
            Step::Switch(switched) => self.switch(*switched),
            Step::Deploy(isolate, settings) => self.replace(*isolate, |deployed| deployed.settings = *settings),
            Step::Rotate(isolate, rotation) => {
                let (old, new) = (self.secret, (self.secret + 1) % SECRETS.len());
                let (secret, previous) = match rotation {
                    Rotation::Announced => (old, Some(new)),
                    Rotation::Kept => (new, Some(old)),
                    Rotation::Dropped => (old, None),
                    Rotation::Replaced => (new, None),
                };
                self.secret = secret;
                self.replace(*isolate, |deployed| (deployed.secret, deployed.previous) = (secret, previous));
            }
            _ => panic!("{step:?} sends requests"),
        }
    }

    pub(super) fn deployed(
        &mut self,
        settings: Settings,
        secret: usize,
        previous: Option<usize>,
    ) -> (Isolate, Deployed) {
        self.deployments += 1;
        let deployed = Deployed { settings, secret, previous, number: self.deployments };
        let previous = previous.map(|previous| SECRETS[previous]);
        (self.world.try_isolate(&settings.text(), SECRETS[secret], previous).expect("settings"), deployed)
    }

    pub(super) fn replace(&mut self, isolate: Option<usize>, change: impl Fn(&mut Deployed)) {
        self.trouble = self.world.now_seconds();
        for index in 0..self.isolates.len() {
            if isolate.is_none_or(|only| only == index) {
                let mut deployed = self.isolates[index].1;
                change(&mut deployed);
                self.isolates[index] = self.deployed(deployed.settings, deployed.secret, deployed.previous);
            }
        }
    }

    pub(super) fn providers(&self, change: impl Fn(&mut Provider)) {
        [WORK, OTHER, MOVED].iter().for_each(|issuer| self.world.provider_of(issuer, &change));
    }

    pub(super) fn make_provider(&mut self, health: Health) {
        self.trouble = self.world.now_seconds();
        self.in_trouble = match health {
            Health::Well => false,
            Health::Rotates => self.in_trouble,
            _ => true,
        };
        self.keys += 1;
        let kid = format!("key-{}", self.keys);
        self.providers(|provider| match health {
            Health::Well => {
                provider.faults.clear();
                provider.published = vec![provider.signer.jwk()];
                provider.heeds_max_age = true;
                provider.checks_challenge = true;
                provider.response_edit = None;
                provider.edit_metadata = None;
            }
            Health::Down(endpoint) => drop(provider.faults.insert(endpoint, Fault::Down)),
            Health::Rotates => provider.rotate(&kid, true),
            Health::RotatesUnseen => provider.rotate(&kid, false),
            Health::PassesOverMaxAge => provider.heeds_max_age = false,
            Health::NamesNoIssuer => {
                provider.response_edit = Some(Box::new(|response| response.retain(|(name, _)| name != "iss")));
                let promise = "authorization_response_iss_parameter_supported";
                provider.edit_metadata = Some(Box::new(move |metadata| metadata[promise] = false.into()));
            }
            Health::PassesOverChallenges => provider.checks_challenge = false,
        });
    }

    pub(super) fn make_kv(&mut self, health: KvHealth) {
        self.kv = match health {
            KvHealth::Well | KvHealth::Lags => Reading::Works,
            KvHealth::Unreadable => Reading::Fails,
            KvHealth::Drags => Reading::Drags,
        };
        self.world.set_kv_reading(self.kv);
        self.world.set_kv_lag(if matches!(health, KvHealth::Lags) { 60 } else { 0 });
    }

    pub(super) fn switch(&mut self, switched: Switched) {
        let now = self.world.now_seconds();
        let text = serde_json::json!({
            "version": 1, "written": now * 1_000, "hosts": ["docs.example.com"], "switches": switched.text(now),
        });
        self.world.put_kv(portcullis::switch::KEY, Some(sealed(SECRETS[self.secret], &text.to_string())));
        self.model.switched.push((now, self.secret, switched));
    }

    pub(super) fn forget(&mut self, browser: usize) {
        if self.forgets[browser] {
            self.browsers[browser] = self.browsers[browser].twin("-login-");
        }
    }
}
