//! Answers that nearly every operation gives alike, said once: an operation refers to them.

use axum::http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem, Ref, RefOr, Response};

const PROBLEM: &str = "application/problem+json";

/// Moves the answers that are problems to the components. One that differs from the first of its status stays where it is.
pub(super) fn share_problems(document: &mut OpenApi) {
    let shared = &mut document.components.get_or_insert_default().responses;
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for (status, answer) in &mut operation.responses.responses {
            let RefOr::T(response) = &*answer else { continue };
            let Some(name) = name(status, response) else { continue };
            let first = shared.entry(name.clone()).or_insert_with(|| answer.clone());
            if *first == *answer {
                *answer = RefOr::Ref(Ref::from_response_name(name));
            }
        }
    }
}

/// `NotFound` for a problem of status 404.
fn name(status: &str, response: &Response) -> Option<String> {
    let reason = StatusCode::from_bytes(status.as_bytes()).ok()?.canonical_reason()?;
    response.content.contains_key(PROBLEM).then(|| reason.replace(' ', ""))
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}
