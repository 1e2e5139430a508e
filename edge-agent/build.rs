//! The station page is built into the program: a new build of it is a new build of this.

fn main() {
    println!("cargo:rerun-if-changed=station-page/dist");
}
