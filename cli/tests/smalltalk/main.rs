//! The commands over the image that `rowel` brings along.

mod commands;
#[cfg(target_os = "linux")]
mod repl;
#[cfg(target_os = "linux")]
mod terminal;
