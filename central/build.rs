//! What cargo does not see by itself: `sqlx::migrate!` reads a folder while it compiles, and the dashboard is built into
//! the program.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
    println!("cargo:rerun-if-changed=dashboard/dist");
}
