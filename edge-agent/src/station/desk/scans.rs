//! What a scanned code means: a badge, a work order, or just a code.
//!
//! A badge is what somebody logs on with, so its bytes are not kept: the log-on is what is stored. Every other code is.

use protocol::event::{EventKind, Gs1Element, Scan};
use protocol::id::Name;
use protocol::master_data::WorkOrder;

use super::jobs::Starting;
use super::{Desk, Effect, Floor, LoggedOn, Rules, ScanOf, ScannedBy, excerpt, title};
use crate::reading::OriginName;
use crate::station::api::{EntryKind, JobOutcome, Meaning, OperatorChange, PlannedFor, Refusal};

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
    known: &'o [WorkOrder],
    rules: &Rules,
) -> Option<&'o WorkOrder> {
    let text = text_of(scan)?;
    let bare = without_prefix(text, rules).unwrap_or(text);
    let named = |it: &Gs1Element, code: &str| WORK_ORDER_IDENTIFIERS.contains(&it.ai.as_str()) && it.value == code;
    known.iter().find(|order| {
        let code = order.code.as_str();
        code == text || code == bare || scan.elements.iter().any(|it| named(it, code))
    })
}

/// What follows the prefix of this plant's work orders.
fn without_prefix<'t>(text: &'t str, rules: &Rules) -> Option<&'t str> {
    text.strip_prefix(rules.work_order_prefix.as_deref()?)
}

/// Where a scanned work order is worked on; none where somebody has to say it.
struct Place {
    machine: Option<Name>,
    planned_for: Option<PlannedFor>,
}

impl Desk {
    pub(super) fn take_scan(&mut self, code: &ScanOf, floor: &Floor<'_>) -> Result<Effect, Refusal> {
        if let Some(number) = &code.badge_of {
            return self.log_on_by_badge(number, floor);
        }
        let chosen = code.machine().map(|name| floor.machine(name)).transpose()?.map(|it| it.live.machine.clone());
        let only = match floor.machines {
            [only] => Some(only.live.machine.clone()),
            _ => None,
        };
        let here = chosen.clone().or(only);
        let mut effect = match work_order_in(&code.scan, &floor.master_data.work_orders, floor.rules) {
            Some(order) => self.take_work_order(order, code, here.as_ref(), floor)?,
            None => self.take_code(code, here.as_ref(), floor),
        };
        let at = match code.by {
            ScannedBy::Page { .. } => here,
            ScannedBy::Scanner { .. } => chosen,
        };
        let origin = at.map_or_else(|| floor.station_origin(), OriginName::machine);
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

    fn take_code(&self, code: &ScanOf, here: Option<&Name>, floor: &Floor<'_>) -> Effect {
        let text = excerpt(&String::from_utf8_lossy(&code.scan.raw));
        let is_order = text_of(&code.scan).is_some_and(|text| without_prefix(text, floor.rules).is_some());
        let effect = Effect::new(EntryKind::Scan, self.who(code).as_ref(), here, format!("Scanned {text}"));
        effect.meaning(match code.scan.problem.clone() {
            None if is_order => Meaning::UnknownWorkOrder { text },
            problem => Meaning::Code { text, problem },
        })
    }

    /// Who scans: whoever the page says, else the only one who is logged on.
    fn who(&self, code: &ScanOf) -> Option<LoggedOn> {
        match (&code.by, &self.operators[..]) {
            (ScannedBy::Page { operator: Some(number), .. }, _) => self.operator(number).ok(),
            (_, [only]) => Some(only.clone()),
            _ => None,
        }
    }

    fn take_work_order(
        &mut self,
        order: &WorkOrder,
        code: &ScanOf,
        here: Option<&Name>,
        floor: &Floor<'_>,
    ) -> Result<Effect, Refusal> {
        let work_order = order.code.as_str();
        let Place { machine, planned_for } = self.place_of(order, here, floor);
        let meaning = |job| {
            let (machine, planned_for) = (machine.clone(), planned_for.clone());
            Meaning::WorkOrder { work_order: work_order.to_owned(), job, machine, planned_for }
        };
        let operator = self.who(code);
        let (Some(operator), Some(machine)) = (&operator, &machine) else {
            let (asks, text) = match (&operator, &planned_for) {
                (None, _) if self.operators.is_empty() => {
                    (JobOutcome::AsksForOperator, format!("{work_order}: log on to start it"))
                }
                (None, _) => (JobOutcome::AsksForOperator, format!("{work_order}: say who starts it")),
                (_, None) => (JobOutcome::AsksForMachine, format!("{work_order}: choose the machine")),
                (_, Some(PlannedFor { title, .. })) => (
                    JobOutcome::AsksForMachine,
                    format!("{work_order} is planned for {title}, which is not at this station: choose the machine"),
                ),
            };
            return Ok(Effect::new(EntryKind::Scan, operator.as_ref(), here, text).meaning(meaning(asks)));
        };
        let (effect, starting) = self.start_job(operator, machine, work_order, floor)?;
        let outcome = match starting {
            Starting::Started => JobOutcome::Started,
            Starting::Switched => JobOutcome::Switched,
            Starting::AlreadyRunning => JobOutcome::AlreadyRunning,
        };
        Ok(effect.meaning(meaning(outcome)))
    }

    /// The machine that was chosen, else the one that the order names. An order that names one of another station is not
    /// begun here before somebody has said so, or has begun it.
    fn place_of(&self, order: &WorkOrder, here: Option<&Name>, floor: &Floor<'_>) -> Place {
        let Some(planned) = order.machine.as_ref().filter(|planned| Some(*planned) != here) else {
            return Place { machine: here.cloned(), planned_for: None };
        };
        let is_here = floor.machine(planned).is_ok();
        let settings = floor.master_data.machines.iter().find(|it| it.name == *planned);
        let title = title(settings.map_or("", |it| it.title.as_str()), planned).to_owned();
        let runs = |it: &&Name| {
            let job = self.machines.get(*it).and_then(|at| at.job.as_ref());
            job.is_some_and(|job| job.work_order == order.code)
        };
        match here {
            None if is_here => Place { machine: Some(planned.clone()), planned_for: None },
            Some(_) if is_here => Place { machine: here.cloned(), planned_for: Some(PlannedFor { title, is_here }) },
            _ => Place { machine: here.filter(runs).cloned(), planned_for: Some(PlannedFor { title, is_here }) },
        }
    }
}
