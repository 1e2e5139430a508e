//! What is written to a device, and when. Pure: states and time come in, the value that is due comes out.
//!
//! An output signals what a machine is doing to people, an andon lamp or a horn; it is never part of a control or a
//! safety function. It is due when the machine's state asks for another value than the device confirmed last, and again
//! after its repeat pause, which serves a module that restarted unnoticed and one whose own watchdog wants to be fed. What
//! was refused or not confirmed is tried again after the same pause.

use process::configuration::{KeyPath, Problems};
use protocol::event::MachineState;
use protocol::id::Name;

use super::configuration::{DeviceSection, WriteKind, WriteSection};
use super::frame::{Values, exception_name};
use super::register::{Faults, frame_address};

const REPEAT_MS_MIN: u32 = 1_000;
const REPEAT_MS_MAX: u32 = 3_600_000;
/// A device that is only busy is asked again this soon.
const BUSY_PAUSE_MS: u64 = 500;

/// One coil or register that follows a machine's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) machine: Name,
    pub(super) kind: WriteKind,
    /// In the frame, from 0 on.
    pub(super) start: u16,
    multiple: bool,
    states: Vec<MachineState>,
    on: u16,
    off: u16,
    pub(super) repeat_ms: u64,
    /// What the machine is doing, as far as is known.
    state: Option<MachineState>,
    confirmed: Option<Confirmed>,
    failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Confirmed {
    value: u16,
    at_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    text: String,
    until_ms: u64,
}

impl Output {
    /// Builds one output; None when something is wrong, which is then told to `problems` under `at`.
    pub(super) fn new(
        section: &WriteSection,
        device: &DeviceSection,
        at: &KeyPath,
        problems: &mut Problems,
    ) -> Option<Output> {
        let mut faults = Faults { at, problems, any: false };
        let machine = section.machine.as_ref().or(device.machine.as_ref());
        if machine.is_none() {
            faults.add(None, "no machine is named: set `machine` here or for the device");
        }
        if section.states.is_empty() {
            let text = "expected at least one state during which `on` is written, like [\"stopped\"]";
            faults.add(Some("states"), text);
        }
        if section.on == section.off {
            faults.add(Some("on"), format!("{} is also `off`: nothing would ever change", section.on));
        }
        for (key, value) in [("on", section.on), ("off", section.off)] {
            if section.kind == WriteKind::Coil && value > 1 {
                faults.add(Some(key), format!("{value}: a coil is 0 or 1"));
            }
        }
        if !(REPEAT_MS_MIN..=REPEAT_MS_MAX).contains(&section.repeat_ms) {
            let text = format!("{} ms: expected {REPEAT_MS_MIN} to {REPEAT_MS_MAX}", section.repeat_ms);
            faults.add(Some("repeat_ms"), text);
        }
        let start = frame_address(section.address, device.address_base);
        let start = start.map_err(|text| faults.add(Some("address"), text)).ok();
        if faults.any {
            return None;
        }
        Some(Output {
            machine: machine?.clone(),
            kind: section.kind,
            start: start?,
            multiple: section.multiple,
            states: section.states.clone(),
            on: section.on,
            off: section.off,
            repeat_ms: u64::from(section.repeat_ms),
            state: None,
            confirmed: None,
            failure: None,
        })
    }

    /// The machine does this; None while nothing at all is known of it.
    pub(super) fn follow(&mut self, state: Option<MachineState>) {
        self.state = state.or(self.state);
    }

    /// What the device should hold.
    pub(super) fn value(&self) -> Option<u16> {
        self.state.map(|state| if self.states.contains(&state) { self.on } else { self.off })
    }

    /// Whether a write is due, and how urgent it is: changes before repetitions, the oldest first.
    pub(super) fn due(&self, now_ms: u64) -> Option<(bool, u64)> {
        let value = self.value()?;
        if self.failure.as_ref().is_some_and(|failure| now_ms < failure.until_ms) {
            return None;
        }
        match self.confirmed {
            Some(confirmed) if confirmed.value == value => {
                (now_ms.saturating_sub(confirmed.at_ms) >= self.repeat_ms).then_some((true, confirmed.at_ms))
            }
            Some(confirmed) => Some((false, confirmed.at_ms)),
            None => Some((false, 0)),
        }
    }

    /// The device confirmed the value. Returns whether it had failed before.
    pub(super) fn confirmed(&mut self, value: u16, now_ms: u64) -> bool {
        self.confirmed = Some(Confirmed { value, at_ms: now_ms });
        self.failure.take().is_some()
    }

    /// The device refused the value or did not confirm it. Returns whether that is news.
    pub(super) fn failed(&mut self, text: String, is_busy: bool, now_ms: u64) -> bool {
        let is_news = self.failure.as_ref().is_none_or(|failure| failure.text != text);
        let pause_ms = if is_busy { BUSY_PAUSE_MS.min(self.repeat_ms) } else { self.repeat_ms };
        self.confirmed = None;
        self.failure = Some(Failure { text, until_ms: now_ms + pause_ms });
        is_news
    }

    /// Another output of this device was not answered: this one waits as well.
    pub(super) fn wait(&mut self, now_ms: u64) {
        let until_ms = now_ms + self.repeat_ms;
        match &mut self.failure {
            Some(failure) => failure.until_ms = failure.until_ms.max(until_ms),
            None => self.failure = Some(Failure { text: String::new(), until_ms }),
        }
    }

    /// The connection was made anew: nobody knows what the device holds. What failed keeps its pause, so that a write that
    /// costs the connection does not do so at every poll.
    pub(super) fn forget(&mut self) {
        self.confirmed = None;
    }

    /// The device was silent. When it answers, everything is new.
    pub(super) fn begin_anew(&mut self) {
        self.confirmed = None;
        self.failure = None;
    }

    /// Why the device does not hold what it should.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.text.as_str()).filter(|text| !text.is_empty())
    }

    /// A value as this output's function writes it.
    pub(super) fn values<'v>(&self, value: &'v u16) -> Values<'v> {
        match (self.kind, self.multiple, *value != 0) {
            (WriteKind::Coil, false, on) => Values::Coil(on),
            (WriteKind::Coil, true, true) => Values::Coils(&[true]),
            (WriteKind::Coil, true, false) => Values::Coils(&[false]),
            (WriteKind::Holding, false, _) => Values::Register(*value),
            (WriteKind::Holding, true, _) => Values::Registers(std::slice::from_ref(value)),
        }
    }

    /// What a technician should know of a refusal by the device.
    pub(super) fn refusal_text(&self, code: u8) -> String {
        let advice = match (code, self.multiple) {
            (1, false) => "it does not know this function: check `kind`, or set multiple = true",
            (1, true) => "it does not know this function: check `kind`, or leave `multiple` out",
            (2, _) => "it has nothing to write there: check `address`, `kind` and `address_base`",
            (3, _) => "it does not take this value: check `on` and `off`",
            (4, _) => "it failed while writing: look at the device, and whether it must be unlocked for writing",
            (5 | 6, _) => "it is busy: lengthen interval_ms or pause_between_requests_ms",
            _ => "look it up in the device's manual",
        };
        format!("exception {code} ({}): {advice}", exception_name(code))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn lamp() -> Output {
        Output {
            machine: Name::new("press").unwrap(),
            kind: WriteKind::Coil,
            start: 0,
            multiple: false,
            states: vec![MachineState::Stopped, MachineState::Maintenance],
            on: 1,
            off: 0,
            repeat_ms: 10_000,
            state: None,
            confirmed: None,
            failure: None,
        }
    }

    #[test]
    fn nothing_is_written_before_anything_is_known_of_the_machine() {
        let mut lamp = lamp();
        assert_eq!(lamp.due(50), None);
        lamp.follow(Some(MachineState::Running));
        assert_eq!((lamp.value(), lamp.due(50)), (Some(0), Some((false, 0))));
    }

    #[test]
    fn no_data_is_on_only_where_it_is_listed() {
        let mut lamp = lamp();
        lamp.follow(Some(MachineState::NoData));
        assert_eq!(lamp.value(), Some(0));
        lamp.states.push(MachineState::NoData);
        assert_eq!(lamp.value(), Some(1));
    }

    #[test]
    fn a_change_is_due_at_once_and_what_stays_the_same_after_the_repeat_pause() {
        let mut lamp = lamp();
        lamp.follow(Some(MachineState::Stopped));
        lamp.confirmed(1, 100);
        assert_eq!(lamp.due(10_099), None);
        assert_eq!(lamp.due(10_100), Some((true, 100)));
        lamp.follow(Some(MachineState::Maintenance));
        assert_eq!(lamp.due(101), None, "another state, the same value");
        lamp.follow(Some(MachineState::Running));
        assert_eq!(lamp.due(101), Some((false, 100)));
    }

    #[test]
    fn what_failed_waits_for_its_pause_even_over_a_new_connection_but_not_over_a_silence() {
        let mut lamp = lamp();
        lamp.follow(Some(MachineState::Stopped));
        assert!(lamp.failed("refused".into(), false, 100));
        assert!(!lamp.failed("refused".into(), false, 100), "no news");
        lamp.forget();
        assert_eq!((lamp.due(10_099), lamp.failure()), (None, Some("refused")));
        assert!(lamp.due(10_100).is_some());
        lamp.begin_anew();
        assert!(lamp.due(101).is_some() && lamp.failure().is_none());
        lamp.failed("busy".into(), true, 100);
        assert!(lamp.due(600).is_some());
    }

    #[test]
    fn a_new_connection_makes_everything_due() {
        let mut lamp = lamp();
        lamp.follow(Some(MachineState::Stopped));
        lamp.confirmed(1, 100);
        lamp.forget();
        assert_eq!(lamp.due(101), Some((false, 0)));
    }

    proptest! {
        #[test]
        fn a_lamp_that_is_served_is_right_and_never_older_than_its_repeat_pause(
            steps in proptest::collection::vec((0_usize..8, 1_u64..5_000, any::<bool>()), 1..60)
        ) {
            let mut lamp = lamp();
            let (mut now_ms, mut held) = (0, None);
            for (state, pause_ms, is_lost) in steps {
                now_ms += pause_ms;
                lamp.follow(Some(MachineState::ALL[state]));
                if is_lost {
                    held = None;
                    lamp.forget();
                }
                if lamp.due(now_ms).is_some() {
                    held = lamp.value().map(|value| (value, now_ms));
                    lamp.confirmed(lamp.value().unwrap(), now_ms);
                }
                let (value, at_ms) = held.expect("something is held");
                prop_assert_eq!(Some(value), lamp.value());
                prop_assert!(now_ms - at_ms < lamp.repeat_ms);
            }
        }
    }
}
