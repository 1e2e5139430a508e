//! A value as JSON or text, as the signal wants it.

use serde_json::Value as Json;

use super::{Poison, excerpt};
use crate::reading::Value;
use crate::sources::mqtt::configuration::ValueType;

/// `null` is "no value". Without a wanted type any scalar is taken as it comes.
pub(super) fn of_json(json: &Json, what: &str, wanted: Option<ValueType>) -> Result<Value, Poison> {
    let wrong = |expected| Poison::WrongType { what: format!("{what:?}"), found: excerpt(&json.to_string()), expected };
    match (json, wanted) {
        (Json::Null, _) => Ok(Value::Unavailable),
        (Json::Array(_) | Json::Object(_), _) => Err(wrong("a single value")),
        (Json::String(text), Some(wanted)) => typed(text, wanted).ok_or_else(|| wrong(word(wanted))),
        (Json::String(text), None) => Ok(Value::Text(text.clone())),
        (Json::Bool(value), Some(ValueType::Integer)) => Ok(Value::Integer((*value).into())),
        (Json::Bool(value), None | Some(ValueType::Bool)) => Ok(Value::Bool(*value)),
        (Json::Number(number), wanted) => {
            of_number(number, wanted).ok_or_else(|| wrong(wanted.map_or("a number that can be held", word)))
        }
        (Json::Bool(_), Some(ValueType::Text)) => Ok(Value::Text(json.to_string())),
        (Json::Bool(_), Some(ValueType::Number)) => Err(wrong("a number")),
    }
}

fn of_number(number: &serde_json::Number, wanted: Option<ValueType>) -> Option<Value> {
    let integer = number.as_i64();
    match wanted {
        None => integer.map(Value::Integer).or_else(|| finite(number.as_f64()?)),
        Some(ValueType::Integer) => integer.or_else(|| whole(number.as_f64()?)).map(Value::Integer),
        Some(ValueType::Number) => finite(number.as_f64()?),
        Some(ValueType::Text) => Some(Value::Text(number.to_string())),
        Some(ValueType::Bool) => match integer? {
            0 => Some(Value::Bool(false)),
            1 => Some(Value::Bool(true)),
            _ => None,
        },
    }
}

/// A payload that is nothing but a value.
pub(super) fn of_text(text: &str, wanted: Option<ValueType>) -> Result<Value, Poison> {
    let wrong = |expected| Poison::WrongType { what: "the payload".to_owned(), found: excerpt(text), expected };
    if let Some(wanted) = wanted {
        return typed(text, wanted).ok_or_else(|| wrong(word(wanted)));
    }
    let unquoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(text) = unquoted {
        return Ok(Value::Text(text.to_owned()));
    }
    if text.eq_ignore_ascii_case("null") {
        return Ok(Value::Unavailable);
    }
    if let Some(value) = typed(text, ValueType::Integer) {
        return Ok(value);
    }
    if let Ok(number) = text.parse::<f64>() {
        return finite(number).ok_or_else(|| wrong("a finite number"));
    }
    match text {
        "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

fn typed(text: &str, wanted: ValueType) -> Option<Value> {
    match wanted {
        ValueType::Text => Some(Value::Text(text.to_owned())),
        ValueType::Integer => text.parse().ok().or_else(|| whole(text.parse().ok()?)).map(Value::Integer),
        ValueType::Number => finite(text.parse().ok()?),
        ValueType::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "on" | "1" | "yes" => Some(Value::Bool(true)),
            "false" | "off" | "0" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
    }
}

fn finite(number: f64) -> Option<Value> {
    number.is_finite().then_some(Value::Number(number))
}

/// `42.0` is 42, as long as a double tells whole numbers apart.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

fn word(wanted: ValueType) -> &'static str {
    match wanted {
        ValueType::Bool => "true or false",
        ValueType::Integer => "a whole number",
        ValueType::Number => "a number",
        ValueType::Text => "a text",
    }
}

/// OPC DA: 192 to 255 are good. OPC UA words begin with "Good".
pub(super) fn is_good(quality: &Json) -> bool {
    match quality {
        Json::Bool(good) => *good,
        Json::Number(code) => code.as_u64().is_some_and(|code| (192..=255).contains(&code)),
        Json::String(word) => word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("good")),
        Json::Null | Json::Array(_) | Json::Object(_) => false,
    }
}
