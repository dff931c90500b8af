//! `--metrics`: telling other processes of the isolates of this one.
//!
//! Owns what is said of it to the user. Must not know what is told (`rowel_isolates::seeing`).

use std::ffi::OsStr;

use rowel_isolates::Spawner;
use rowel_isolates::seeing::{Address, Server};

/// Tell of the isolates of `spawner` at the address that `wanted` spells; where it is empty, at the socket file by
/// which `rowel top` finds this process. It ends with what this answers.
///
/// # Errors
/// A message for people when it is no address, or cannot be used.
pub fn serve(spawner: &Spawner, wanted: &OsStr) -> Result<Server, String> {
    let address = if wanted.is_empty() {
        Address::of_this_process().map_err(|error| format!("--metrics: {error}"))?
    } else {
        let text = wanted.to_string_lossy();
        text.parse().map_err(|error| format!("--metrics: {error}"))?
    };
    let server = Server::start(spawner, &address)
        .map_err(|error| format!("--metrics: {address}: {error}"))?;
    let address = server.address();
    if !address.is_local() {
        tracing::warn!("{address}: whoever reaches this address can see the figures");
    }
    eprintln!("rowel: figures of isolates at {address}");
    Ok(server)
}
