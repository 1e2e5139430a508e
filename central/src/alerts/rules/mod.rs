//! What counts as an incident, for a plant and for each of its lines.

pub mod routes;
pub mod store;

use serde::{Deserialize, Serialize};

/// What an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// A stop that lasts longer than the threshold.
    MachineDown,
    /// An agent that was not heard of for longer than the threshold.
    AgentSilent,
    /// Loss that an agent recorded.
    Gap,
    /// Two histories under one agent's name.
    Divergence,
    /// An operator asked for somebody to come.
    CallForHelp,
}

impl IncidentKind {
    pub const ALL: [IncidentKind; 5] = [
        IncidentKind::MachineDown,
        IncidentKind::AgentSilent,
        IncidentKind::Gap,
        IncidentKind::Divergence,
        IncidentKind::CallForHelp,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentKind::MachineDown => "machine_down",
            IncidentKind::AgentSilent => "agent_silent",
            IncidentKind::Gap => "gap",
            IncidentKind::Divergence => "divergence",
            IncidentKind::CallForHelp => "call_for_help",
        }
    }

    #[must_use]
    pub fn named(word: &str) -> Option<IncidentKind> {
        IncidentKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether a time has to pass first.
    #[must_use]
    pub fn has_threshold(self) -> bool {
        matches!(self, IncidentKind::MachineDown | IncidentKind::AgentSilent)
    }
}

/// Whether, and after which time, something is an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub kind: IncidentKind,
    pub enabled: bool,
    /// Of `machine_down` and `agent_silent`, and of no other.
    #[schema(minimum = 10, maximum = 604_800)]
    pub threshold_s: Option<i32>,
}

/// The rules of a plant, or of one of its lines.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RuleSet {
    /// Name of a line; none for the plant itself, and for what stands in no line.
    pub line: Option<String>,
    /// One of each kind: what counts there.
    pub rules: Vec<EffectiveRule>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EffectiveRule {
    pub kind: IncidentKind,
    pub enabled: bool,
    pub threshold_s: Option<i32>,
    /// Whether it was set right here; otherwise it comes from the plant, or is the one for all.
    pub own: bool,
}

/// What is wrong with rules that somebody wants to set.
pub fn check(rules: &[Rule]) -> Result<(), String> {
    for (at, rule) in rules.iter().enumerate() {
        let kind = rule.kind.as_str();
        if rules[..at].iter().any(|before| before.kind == rule.kind) {
            return Err(format!("there are two rules for {kind}"));
        }
        match rule.threshold_s {
            Some(threshold_s) if !rule.kind.has_threshold() => {
                return Err(format!("{kind} has no threshold, and {threshold_s} was given"));
            }
            None if rule.kind.has_threshold() => return Err(format!("{kind} needs threshold_s, 10 to 604800")),
            Some(threshold_s) if !(10..=604_800).contains(&threshold_s) => {
                return Err(format!("threshold_s of {kind} is {threshold_s}: expected 10 to 604800"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: IncidentKind, threshold_s: Option<i32>) -> Rule {
        Rule { kind, enabled: true, threshold_s }
    }

    #[test]
    fn rules_have_a_threshold_where_time_counts_and_only_there() {
        assert!(check(&[]).is_ok());
        assert!(check(&[rule(IncidentKind::MachineDown, Some(60)), rule(IncidentKind::Gap, None)]).is_ok());
        assert!(check(&[rule(IncidentKind::MachineDown, None)]).is_err());
        assert!(check(&[rule(IncidentKind::AgentSilent, Some(5))]).is_err());
        assert!(check(&[rule(IncidentKind::Gap, Some(60))]).is_err());
        assert!(check(&[rule(IncidentKind::Gap, None), rule(IncidentKind::Gap, None)]).is_err());
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in IncidentKind::ALL {
            assert_eq!(IncidentKind::named(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
