//! What an answer leads to: from the creation of a thing to what can be asked of that thing, as links. They follow from
//! the document itself: `POST /x` answers 201 with an `id`, and `/x/{name}` takes it.

use serde_json::{Map, Value, json};
use utoipa::openapi::link::Link;
use utoipa::openapi::{OpenApi, PathItem, RefOr, Response};

const METHODS: [&str; 4] = ["get", "put", "patch", "delete"];

pub(super) fn add(document: &mut OpenApi) {
    let described = serde_json::to_value(&*document).unwrap_or_default();
    for (path, item) in &mut document.paths.paths {
        let found = id(&described, path).map(|id| links(&described, path, &id));
        if let (Some(links), Some(answer)) = (found, answer_to_creation(item)) {
            answer.links.extend(links);
        }
    }
}

fn answer_to_creation(item: &mut PathItem) -> Option<&mut Response> {
    match item.post.as_mut()?.responses.responses.get_mut("201")? {
        RefOr::T(response) => Some(response),
        RefOr::Ref(_) => None,
    }
}

/// Where in the answer to a creation the number of what was made stands: in the thing itself, or in the thing within what
/// else is told this once.
fn id(described: &Value, path: &str) -> Option<String> {
    let answer = &described["paths"][path]["post"]["responses"]["201"]["content"]["application/json"]["schema"];
    let properties = properties(described, answer)?;
    if properties.contains_key("id") {
        return Some("/id".to_owned());
    }
    let has_id = |(_, schema): &(&String, &Value)| {
        self::properties(described, schema).is_some_and(|properties| properties.contains_key("id"))
    };
    properties.iter().find(has_id).map(|(name, _)| format!("/{name}/id"))
}

fn properties<'d>(described: &'d Value, schema: &Value) -> Option<&'d Map<String, Value>> {
    let reference = schema["$ref"].as_str()?.strip_prefix('#')?;
    described.pointer(reference)?["properties"].as_object()
}

/// One to each operation on `path/{name}`, by the operation's name.
fn links(described: &Value, path: &str, id: &str) -> Vec<(String, RefOr<Link>)> {
    let paths = described["paths"].as_object().into_iter().flatten();
    let named = paths.filter_map(|(at, operations)| {
        let name = at.strip_prefix(path)?.strip_prefix("/{")?.strip_suffix('}')?;
        (!name.contains('/')).then_some((name, operations))
    });
    named
        .flat_map(|(name, operations)| {
            METHODS.iter().filter_map(move |method| {
                let operation = operations[method]["operationId"].as_str()?;
                let link =
                    Link::builder().operation_id(operation).parameter(name, json!(format!("$response.body#{id}")));
                Some((operation.to_owned(), RefOr::T(link.build())))
            })
        })
        .collect()
}
