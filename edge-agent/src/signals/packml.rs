//! PackML state numbers. Two tables are in use, and they disagree: ISA-TR88.00.02 (OMAC, the `Status.StateCurrent` tag
//! of most controllers) and the `StateEnumeration` of OPC 30060 §11.9 (tobacco machines, and who followed it).

use std::fmt;

use protocol::event::MachineState;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// Which table a source speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackmlNumbers {
    Tr88,
    Opc30060,
}

use MachineState::{Idle, NoData, Running, Stopped};

/// Undefined, Clearing, Stopped, Starting, Idle, Suspended, Execute, Stopping, Aborting, Aborted, Holding, Held,
/// Unholding, Suspending, Unsuspending, Resetting, Completing, Complete.
///
/// Suspended is waiting for others (starved, blocked); Held is the machine's own trouble.
const TR88: [MachineState; 18] = [
    NoData, Stopped, Stopped, Idle, Idle, Idle, Running, Stopped, Stopped, Stopped, Stopped, Stopped, Stopped, Idle,
    Idle, Idle, Running, Idle,
];

/// Stopped, Resetting, Idle, Starting, Execute, Completing, Complete, Aborting, Aborted, Stopping, Clearing, Suspending,
/// Suspended, Unsuspending, Holding, Held, Unholding.
const OPC_30060: [MachineState; 17] = [
    Stopped, Idle, Idle, Idle, Running, Running, Idle, Stopped, Stopped, Stopped, Stopped, Idle, Idle, Idle, Stopped,
    Stopped, Stopped,
];

impl PackmlNumbers {
    /// None for a number that is not in the table.
    #[must_use]
    pub fn state(self, number: i64) -> Option<MachineState> {
        let table: &[MachineState] = match self {
            PackmlNumbers::Tr88 => &TR88,
            PackmlNumbers::Opc30060 => &OPC_30060,
        };
        table.get(usize::try_from(number).ok()?).copied()
    }
}

impl<'de> Deserialize<'de> for PackmlNumbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PackmlNumbers, D::Error> {
        struct TrueOrName;

        impl Visitor<'_> for TrueOrName {
            type Value = PackmlNumbers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, \"tr88\" or \"opc-30060\"")
            }

            fn visit_bool<E: Error>(self, on: bool) -> Result<PackmlNumbers, E> {
                if on { Ok(PackmlNumbers::Tr88) } else { Err(E::custom("leave `packml` out if it is not PackML")) }
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<PackmlNumbers, E> {
                match name {
                    "tr88" => Ok(PackmlNumbers::Tr88),
                    "opc-30060" => Ok(PackmlNumbers::Opc30060),
                    other => Err(E::unknown_variant(other, &["tr88", "opc-30060"])),
                }
            }
        }

        deserializer.deserialize_any(TrueOrName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn execute_runs_in_both_tables_and_stopped_stops() {
        assert_eq!(PackmlNumbers::Tr88.state(6), Some(Running));
        assert_eq!(PackmlNumbers::Tr88.state(2), Some(Stopped));
        assert_eq!(PackmlNumbers::Tr88.state(17), Some(Idle));
        assert_eq!(PackmlNumbers::Opc30060.state(4), Some(Running));
        assert_eq!(PackmlNumbers::Opc30060.state(0), Some(Stopped));
    }

    #[test]
    fn numbers_outside_the_table_are_unknown() {
        assert_eq!(PackmlNumbers::Tr88.state(18), None);
        assert_eq!(PackmlNumbers::Opc30060.state(17), None);
        assert_eq!(PackmlNumbers::Tr88.state(-1), None);
    }
}
