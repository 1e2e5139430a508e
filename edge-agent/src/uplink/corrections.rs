//! When to ask what was said at central of this agent's stops, and what an answer means. Pure.
//!
//! Central names the revision that it would tell with every answer to a batch; one that says nothing of it is older. What
//! was stored last stands until a whole answer takes its place.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use protocol::correction::{CORRECTIONS_REVISION, Corrections};
use protocol::limits::CORRECTIONS_MAX;
use uuid::Uuid;

use super::problem::Problem;

/// After an answer that was of no use; meanwhile batches go on.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CorrectionsSync {
    /// Stored here.
    held: Uuid,
    not_before: Duration,
}

impl CorrectionsSync {
    pub(super) fn new(held: Uuid) -> CorrectionsSync {
        CorrectionsSync { held, not_before: Duration::ZERO }
    }

    /// Whether there is something to ask for.
    pub(super) fn asks(&self, now: Duration, announced: Option<Uuid>) -> bool {
        announced.is_some_and(|announced| announced != self.held) && now >= self.not_before
    }

    pub(super) fn stored(&mut self, revision: Uuid) {
        self.held = revision;
    }

    pub(super) fn failed(&mut self, now: Duration) {
        self.not_before = now + AGAIN_AFTER;
    }
}

/// The revision that central announces; none of a central that does not know of it.
pub(super) fn announced(headers: &HeaderMap) -> Option<Uuid> {
    headers.get(CORRECTIONS_REVISION)?.to_str().ok()?.trim().parse().ok()
}

/// What central tells, within limits; else why it is of no use.
pub(super) fn told(status: StatusCode, body: &[u8]) -> Result<Corrections, String> {
    if status != StatusCode::OK {
        return Err(format!("central answered {status}: {}", Problem::read(body)));
    }
    let mut told: Corrections = serde_json::from_slice(body).map_err(|error| format!("it cannot be read: {error}"))?;
    told.stops.truncate(CORRECTIONS_MAX);
    Ok(told)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        /// Somebody says something at central.
        Said,
        /// Central is restored from the backup of that step.
        CentralRestored(prop::sample::Index),
        /// The agent's database is an older copy, or the process is started again.
        AgentRestored(prop::sample::Index),
        /// A batch is answered; whether what is asked for then arrives, and what is said in between.
        Exchange {
            arrives: bool,
            said_between: bool,
        },
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Said),
            any::<prop::sample::Index>().prop_map(Step::CentralRestored),
            any::<prop::sample::Index>().prop_map(Step::AgentRestored),
            (any::<bool>(), any::<bool>()).prop_map(|(arrives, said_between)| Step::Exchange { arrives, said_between }),
            (0_u64..60).prop_map(Step::Wait),
        ]
    }

    /// Central's state is a number that stands for all that was said; every change draws a revision that never was.
    struct Story {
        central: (Uuid, u32),
        backups: Vec<(Uuid, u32)>,
        agent: (Uuid, u32),
        copies: Vec<(Uuid, u32)>,
        sync: CorrectionsSync,
        drawn: u32,
        now: Duration,
    }

    impl Story {
        fn say(&mut self) {
            self.drawn += 1;
            self.central = (Uuid::from_u128(self.drawn.into()), self.drawn);
            self.backups.push(self.central);
        }

        fn exchange(&mut self, arrives: bool, said_between: bool) {
            let announced = self.central.0;
            if said_between {
                self.say();
            }
            if !self.sync.asks(self.now, Some(announced)) {
                return;
            }
            if arrives {
                self.agent = self.central;
                self.copies.push(self.agent);
                self.sync.stored(self.agent.0);
            } else {
                self.sync.failed(self.now);
            }
        }

        fn take(&mut self, step: &Step) {
            match step {
                Step::Said => self.say(),
                Step::CentralRestored(index) => self.central = *index.get(&self.backups),
                Step::AgentRestored(index) => {
                    self.agent = *index.get(&self.copies);
                    self.sync = CorrectionsSync::new(self.agent.0);
                }
                Step::Exchange { arrives, said_between } => self.exchange(*arrives, *said_between),
                Step::Wait(seconds) => self.now += Duration::from_secs(*seconds),
            }
        }
    }

    proptest! {
        #[test]
        fn whoever_is_restored_and_whatever_is_lost_the_station_comes_to_tell_what_central_tells(
            steps in prop::collection::vec(step(), 0..40),
        ) {
            let nothing = (Uuid::nil(), 0);
            let mut story = Story {
                central: nothing,
                backups: vec![nothing],
                agent: nothing,
                copies: vec![nothing],
                sync: CorrectionsSync::new(Uuid::nil()),
                drawn: 0,
                now: Duration::ZERO,
            };
            for step in &steps {
                story.take(step);
                prop_assert_eq!(story.agent.0 == story.central.0, story.agent == story.central, "a revision says it all");
            }
            story.now += AGAIN_AFTER;
            story.exchange(true, false);
            prop_assert_eq!(story.agent, story.central);
        }
    }

    #[test]
    fn whatever_differs_is_asked_for_once_and_a_central_that_says_nothing_is_left_alone() {
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut sync = CorrectionsSync::new(Uuid::nil());
        let at = Duration::from_secs;
        assert!(!sync.asks(at(0), None));
        assert!(!sync.asks(at(0), Some(Uuid::nil())), "nothing was ever said");
        assert!(sync.asks(at(0), Some(first)));
        sync.failed(at(1));
        assert!(!sync.asks(at(30), Some(first)) && sync.asks(at(31), Some(first)));
        sync.stored(first);
        assert!(!sync.asks(at(32), Some(first)) && sync.asks(at(32), Some(second)));
        sync.stored(second);
        // Restored from a backup: of before, or of before anything was said.
        assert!(sync.asks(at(33), Some(first)) && sync.asks(at(33), Some(Uuid::nil())));
    }

    #[test]
    fn an_announcement_and_an_answer_are_read_or_looked_past() {
        let mut headers = HeaderMap::new();
        assert_eq!(announced(&headers), None);
        for (value, expected) in
            [("nonsense", None), ("00000000-0000-0000-0000-000000000007", Some(Uuid::from_u128(7)))]
        {
            headers.insert(CORRECTIONS_REVISION, value.parse().unwrap());
            assert_eq!(announced(&headers), expected);
        }
        let told = |status: u16, body: &str| told(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        let empty = r#"{"revision":"00000000-0000-0000-0000-000000000007","stops":[]}"#;
        assert_eq!(told(200, empty), Ok(Corrections { revision: Uuid::from_u128(7), stops: Vec::new() }));
        assert!(told(200, "<html>").is_err() && told(404, empty).is_err());
        let stop = r#"{"machine":"press","stop":1,"began_at":1,"reason":null,"split":null}"#;
        let many = empty.replace("[]", &format!("[{}]", vec![stop; CORRECTIONS_MAX + 1].join(",")));
        assert_eq!(told(200, &many).unwrap().stops.len(), CORRECTIONS_MAX);
    }
}
