//! Messages that list values by tag. Tags that no signal is bound to are none of our business.

use serde_json::{Map, Value as Json};

use super::{Context, Mapped, Poison, ReadingDraft, TimestampFormat, value};
use crate::reading::Value;
use crate::sources::mqtt::configuration::TopicSignal;

/// Kepware IoT Gateway: `{"timestamp": …, "values": [{"id", "v", "q", "t"}]}`, or an array template such as
/// `[{"tagname", "value", "timestamp"}]`. A tag may come several times; the order is kept. The time of the sample is
/// taken, and the time of publishing only where there is none.
pub(super) fn kepware(context: &Context<'_>, json: &Json, mapped: &mut Mapped) -> Result<(), Poison> {
    let (entries, published) = match json {
        Json::Array(entries) => (entries, None),
        Json::Object(object) => {
            let entries = object.get("values").and_then(Json::as_array);
            (entries.ok_or_else(|| Poison::Missing("/values".to_owned()))?, object.get("timestamp"))
        }
        _ => return Err(not_a("the payload", json, "an object or an array")),
    };
    for entry in entries {
        let Some(entry) = entry.as_object() else {
            mapped.problems.push(not_a("an entry of `values`", entry, "an object"));
            continue;
        };
        let id = first(entry, &["id", "tagname", "name"]).and_then(Json::as_str);
        for signal in context.section.signals.iter().filter(|signal| signal.id.as_deref() == id) {
            mapped.add(kepware_entry(context, signal, entry, published).map(Some));
        }
        if id.is_none() {
            mapped.problems.push(Poison::Missing("id".to_owned()));
        }
    }
    Ok(())
}

fn kepware_entry(
    context: &Context<'_>,
    signal: &TopicSignal,
    entry: &Map<String, Json>,
    published: Option<&Json>,
) -> Result<ReadingDraft, Poison> {
    let good = first(entry, &["q", "quality"]).is_none_or(value::is_good);
    let value = match first(entry, &["v", "value"]) {
        _ if !good => Value::Unavailable,
        Some(found) => value::of_json(found, &signal.signal, signal.value_type)?,
        None => return Err(Poison::Missing("v".to_owned())),
    };
    let at = first(entry, &["t", "timestamp"]).or(published);
    let source_at = at.map(|at| context.time(at, signal.timestamp_format)).transpose()?;
    Ok(context.draft(signal, value, source_at))
}

/// Neuron: `{"timestamp", "values": {tag: value}, "errors": {tag: code}}`, or `"tags": [{"name", "value" | "error"}]`.
/// A tag with an error has no value.
pub(super) fn neuron(context: &Context<'_>, json: &Json, mapped: &mut Mapped) -> Result<(), Poison> {
    let object = json.as_object().ok_or_else(|| not_a("the payload", json, "an object"))?;
    let at = object.get("timestamp").map(|at| context.time(at, TimestampFormat::Auto)).transpose()?;
    let values = object.get("values").and_then(Json::as_object);
    let errors = object.get("errors").and_then(Json::as_object);
    let tags = object.get("tags").and_then(Json::as_array);
    if values.is_none() && errors.is_none() && tags.is_none() {
        return Err(Poison::Missing("/values".to_owned()));
    }
    for signal in &context.section.signals {
        let Some(id) = signal.id.as_deref() else { continue };
        let tag = tags.and_then(|tags| tags.iter().find(|tag| tag.get("name").and_then(Json::as_str) == Some(id)));
        let failed = errors.is_some_and(|errors| errors.contains_key(id))
            || tag.is_some_and(|tag| tag.get("error").is_some_and(|code| code.as_i64() != Some(0)));
        let found = values.and_then(|values| values.get(id)).or_else(|| tag.and_then(|tag| tag.get("value")));
        let value = match found {
            _ if failed => Ok(Value::Unavailable),
            Some(found) => value::of_json(found, id, signal.value_type),
            None => continue,
        };
        mapped.add(value.map(|value| Some(context.draft(signal, value, at))));
    }
    Ok(())
}

fn first<'j>(entry: &'j Map<String, Json>, keys: &[&str]) -> Option<&'j Json> {
    keys.iter().find_map(|key| entry.get(*key))
}

fn not_a(what: &str, found: &Json, expected: &'static str) -> Poison {
    Poison::WrongType { what: what.to_owned(), found: super::excerpt(&found.to_string()), expected }
}
