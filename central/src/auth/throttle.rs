//! How often somebody may try to log in. In memory: a restart forgets, several processes count on their own.
//!
//! Three things are counted: a name from one address, a name from anywhere, an address for any name. Past a number of
//! attempts each further one must wait, longer every time. Only the first is paused for long: nobody can keep another
//! person out by failing in their name from elsewhere for more than a minute at a time.
//!
//! An attempt counts when it begins, so that many at once are no way around.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

const ENTRIES_MAX: usize = 10_000;
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Counted {
    Both(String, IpAddr),
    Name(String),
    Address(IpAddr),
}

impl Counted {
    /// Attempts without a pause, and the longest pause.
    fn limits(&self) -> (u32, Duration) {
        match self {
            Counted::Both(..) => (5, Duration::from_secs(900)),
            Counted::Name(_) => (30, Duration::from_secs(60)),
            Counted::Address(_) => (60, Duration::from_secs(60)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Attempts {
    count: u32,
    last: Duration,
}

#[derive(Debug, Default)]
pub struct Throttle(HashMap<Counted, Attempts>);

impl Throttle {
    /// Begins an attempt at `now` (of a monotonic clock), or says how long it must wait.
    pub fn begin(&mut self, now: Duration, name: &str, address: IpAddr) -> Result<(), Duration> {
        let counted = counted(name, address);
        let wait = counted.iter().filter_map(|it| self.wait(now, it)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        self.make_room(now);
        for it in counted {
            let attempts = self.0.entry(it).or_insert(Attempts { count: 0, last: now });
            if now.saturating_sub(attempts.last) > FORGOTTEN_AFTER {
                attempts.count = 0;
            }
            *attempts = Attempts { count: attempts.count.saturating_add(1), last: now };
        }
        Ok(())
    }

    /// The attempt was right.
    pub fn succeeded(&mut self, name: &str, address: IpAddr) {
        let [both, name, address] = counted(name, address);
        self.0.remove(&both);
        for it in [name, address] {
            if let Some(attempts) = self.0.get_mut(&it) {
                attempts.count = attempts.count.saturating_sub(1);
            }
        }
    }

    fn wait(&self, now: Duration, counted: &Counted) -> Option<Duration> {
        let attempts = self.0.get(counted)?;
        let (free, longest) = counted.limits();
        let further = attempts.count.checked_sub(free)?;
        let pause = Duration::from_secs(1 << further.min(20)).min(longest);
        (attempts.last + pause).checked_sub(now).filter(|wait| !wait.is_zero())
    }

    fn make_room(&mut self, now: Duration) {
        if self.0.len() < ENTRIES_MAX {
            return;
        }
        self.0.retain(|_, attempts| now.saturating_sub(attempts.last) <= FORGOTTEN_AFTER);
        if self.0.len() < ENTRIES_MAX {
            return;
        }
        // Those who tried most are remembered longest.
        let mut counts: Vec<u32> = self.0.values().map(|attempts| attempts.count).collect();
        let (_, median, _) = counts.select_nth_unstable(ENTRIES_MAX / 2);
        let median = *median;
        self.0.retain(|_, attempts| attempts.count > median);
    }
}

fn counted(name: &str, address: IpAddr) -> [Counted; 3] {
    let address = network(address);
    [Counted::Both(name.to_owned(), address), Counted::Name(name.to_owned()), Counted::Address(address)]
}

/// An IPv6 computer has a whole /64 to itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn pauses_grow_and_end_with_success() {
        let mut throttle = Throttle::default();
        for _ in 0..5 {
            throttle.begin(at(0), "anna", address(1)).unwrap();
        }
        assert_eq!(throttle.begin(at(0), "anna", address(1)), Err(at(1)));
        throttle.begin(at(1), "anna", address(1)).unwrap();
        assert_eq!(throttle.begin(at(1), "anna", address(1)), Err(at(2)));
        throttle.begin(at(3), "anna", address(1)).unwrap();
        assert_eq!(throttle.begin(at(4), "anna", address(1)), Err(at(3)));
        throttle.begin(at(4), "anna", address(2)).expect("another address is not concerned");
        throttle.begin(at(4), "bert", address(1)).expect("another name is not concerned");
        throttle.begin(at(7), "anna", address(1)).unwrap();
        throttle.succeeded("anna", address(1));
        throttle.begin(at(7), "anna", address(1)).unwrap();
    }

    #[test]
    fn a_name_from_everywhere_and_an_address_for_every_name_are_paused_for_a_minute_at_most() {
        let mut throttle = Throttle::default();
        for n in 0..30 {
            throttle.begin(at(0), "anna", address(n)).unwrap();
        }
        assert_eq!(throttle.begin(at(0), "anna", address(99)), Err(at(1)));
        let mut now = 1;
        for n in 30..60 {
            throttle.begin(at(now), "anna", address(n)).unwrap();
            now += 60;
        }
        for n in 0..60 {
            throttle.begin(at(0), &format!("user-{n}"), address(200)).unwrap();
        }
        assert_eq!(throttle.begin(at(0), "bert", address(200)), Err(at(1)));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let mut throttle = Throttle::default();
        for n in 0..5_u16 {
            throttle.begin(at(0), "anna", IpAddr::from([0x2001, 0xdb8, 0, 1, n, 0, 0, 1])).unwrap();
        }
        assert!(throttle.begin(at(0), "anna", IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9])).is_err());
        throttle.begin(at(0), "anna", IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1])).unwrap();
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten() {
        let mut throttle = Throttle::default();
        for _ in 0..6 {
            let _ = throttle.begin(at(0), "anna", address(1));
        }
        for n in 0..40_000_u32 {
            let _ = throttle.begin(at(0), &n.to_string(), IpAddr::V4(n.into()));
        }
        assert!(throttle.0.len() <= ENTRIES_MAX + 3, "{}", throttle.0.len());
        assert!(throttle.begin(at(0), "anna", address(1)).is_err(), "the one who tries hard is remembered");
        for _ in 0..5 {
            throttle.begin(at(4_000), "anna", address(1)).unwrap();
        }
    }
}
