fn main() {
    // sqlx::migrate! reads the folder while it compiles; cargo does not see that by itself.
    println!("cargo:rerun-if-changed=../migrations");
}
