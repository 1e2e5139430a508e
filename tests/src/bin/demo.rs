//! `make demo`: the whole product against a simulated plant, on this computer, until Ctrl-C.

use std::process::ExitCode;

use black_box::demo::{self, DemoSettings};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    match demo::run(DemoSettings::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            demo::say(&format!("demo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
