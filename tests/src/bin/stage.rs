//! The browser tests' plant: see [`black_box::stage`].

use std::process::ExitCode;

use black_box::stage::Stage;

#[tokio::main]
#[expect(clippy::print_stderr, reason = "the tests show it when a stage fails")]
async fn main() -> ExitCode {
    let played = match Stage::set().await {
        Ok(stage) => stage.play().await,
        Err(error) => Err(error),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stage: {error:#}");
            ExitCode::FAILURE
        }
    }
}
