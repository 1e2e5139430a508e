//! What a scanned code means: a badge, a work order, or just a code.
//!
//! A badge is what somebody logs on with, so its bytes are not kept: the log-on is what is stored. Every other code is.

use protocol::event::{EventKind, Gs1Element, Scan};
use protocol::id::Name;

use super::jobs::Starting;
use super::{Desk, Effect, Floor, LoggedOn, Rules, ScanOf, excerpt};
use crate::reading::OriginName;
use crate::station::api::{EntryKind, JobOutcome, Meaning, OperatorChange, Refusal};

/// GS1 identifiers that plants print their order numbers under: batch, serial, additional identification, customer part,
/// secondary serial, customer order.
const WORK_ORDER_IDENTIFIERS: [&str; 6] = ["10", "21", "240", "241", "250", "400"];

/// The text of a code without its symbology identifier; none when it is no text.
#[must_use]
pub(in crate::station) fn text_of(scan: &Scan) -> Option<&str> {
    let identifier = scan.symbology.as_ref().map_or(0, |it| it.len() + 1);
    std::str::from_utf8(scan.raw.get(identifier..)?).ok().map(str::trim)
}

/// The work order that a code names, among those that are known.
#[must_use]
pub(in crate::station) fn work_order_in<'o>(
    scan: &Scan,
    known: impl Iterator<Item = &'o str> + Clone,
    rules: &Rules,
) -> Option<&'o str> {
    let text = text_of(scan)?;
    let prefix = rules.work_order_prefix.as_deref();
    let bare = prefix.and_then(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let named = |it: &Gs1Element, code: &str| WORK_ORDER_IDENTIFIERS.contains(&it.ai.as_str()) && it.value == code;
    let mut known = known;
    known.find(|code| *code == text || *code == bare || scan.elements.iter().any(|it| named(it, code)))
}

impl Desk {
    pub(super) fn take_scan(&mut self, code: &ScanOf, floor: &Floor<'_>) -> Result<Effect, Refusal> {
        if let Some(number) = &code.badge_of {
            return self.log_on_by_badge(number, floor);
        }
        let machine = match &code.machine {
            Some(name) => Some(floor.machine(name)?.live.machine.clone()),
            None => match floor.machines {
                [only] => Some(only.live.machine.clone()),
                _ => None,
            },
        };
        let orders = floor.master_data.work_orders.iter().map(|it| it.code.as_str());
        let effect = match work_order_in(&code.scan, orders, floor.rules) {
            Some(work_order) => self.take_work_order(work_order, code, machine.as_ref(), floor)?,
            None => {
                let shown = excerpt(&String::from_utf8_lossy(&code.scan.raw));
                let problem = code.scan.problem.clone();
                let operator = self.who(code);
                let effect =
                    Effect::new(EntryKind::Scan, operator.as_ref(), machine.as_ref(), format!("Scanned {shown}"));
                effect.meaning(Meaning::Code { text: shown, problem })
            }
        };
        let origin = machine.map_or_else(|| floor.station_origin(), OriginName::machine);
        let mut effect = effect;
        // A scan that changed nothing is a fact all the same.
        effect.already = false;
        effect.events.insert(0, (origin, EventKind::Scan(code.scan.clone())));
        Ok(effect)
    }

    fn log_on_by_badge(&mut self, number: &str, floor: &Floor<'_>) -> Result<Effect, Refusal> {
        let effect = self.log_on(number, floor)?;
        let name = effect.operator.clone().unwrap_or_default();
        let change = if effect.already { OperatorChange::AlreadyOn } else { OperatorChange::LoggedOn };
        Ok(effect.meaning(Meaning::Operator { number: number.to_owned(), name, change }))
    }

    /// Who scans: whoever the page says, else the only one who is logged on.
    fn who(&self, code: &ScanOf) -> Option<LoggedOn> {
        match (&code.operator, &self.operators[..]) {
            (Some(number), _) => self.operator(number).ok(),
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        }
    }

    fn take_work_order(
        &mut self,
        work_order: &str,
        code: &ScanOf,
        machine: Option<&Name>,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let meaning = |job| Meaning::WorkOrder { work_order: work_order.to_owned(), job };
        let operator = self.who(code);
        let (Some(operator), Some(machine)) = (&operator, machine) else {
            let (asks, text) = match operator {
                None => (JobOutcome::AsksForOperator, format!("{work_order}: log on to start it")),
                Some(_) => (JobOutcome::AsksForMachine, format!("{work_order}: choose the machine")),
            };
            return Ok(Effect::new(EntryKind::Scan, operator.as_ref(), machine, text).meaning(meaning(asks)));
        };
        let (effect, starting) = self.start_job(operator, machine, work_order, floor)?;
        let outcome = match starting {
            Starting::Started => JobOutcome::Started,
            Starting::Switched => JobOutcome::Switched,
            Starting::AlreadyRunning => JobOutcome::AlreadyRunning,
        };
        Ok(effect.meaning(meaning(outcome)))
    }
}
