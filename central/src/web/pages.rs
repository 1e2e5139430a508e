//! The dashboard, as it was built into the program.

use axum::Router;
use rust_embed::RustEmbed;
use screens::Pages;

#[derive(RustEmbed)]
#[folder = "dashboard/dist"]
#[allow_missing = true]
struct Dashboard;

pub(super) fn router() -> Router {
    Pages::embedded::<Dashboard>().router()
}
