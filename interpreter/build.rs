//! Decides how the interpreter goes from one operation to the next: see `src/dispatch.rs`.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tail_calls)");
    println!("cargo::rerun-if-changed=build.rs");
    let level = std::env::var("OPT_LEVEL").unwrap_or_default();
    let optimised = matches!(level.as_str(), "2" | "3");
    let checked = std::env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_some();
    if optimised && !checked {
        println!("cargo::rustc-cfg=tail_calls");
    }
}
