//! The environment variables that an image sees.
//!
//! The process's own are copied when an image first asks, and changes are made to the copy: changing
//! the real ones is not safe in a process with threads. Programs that the image runs get the copy.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Names and values, in the order of the process's environment. Kept in
/// [`Modules::state`](crate::primitive::Modules::state).
#[derive(Debug)]
pub struct Environment {
    variables: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Default for Environment {
    fn default() -> Self {
        let bytes = |(name, value): (OsString, OsString)| (name.into_vec(), value.into_vec());
        Environment { variables: std::env::vars_os().map(bytes).collect() }
    }
}

impl Environment {
    /// The variables in order.
    pub fn variables(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.variables
    }

    /// The value of a variable.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let found = self.variables.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_slice())
    }

    /// Set a variable.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        match self.variables.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.to_vec(),
            None => self.variables.push((name.to_vec(), value.to_vec())),
        }
    }

    /// Remove a variable.
    pub fn remove(&mut self, name: &[u8]) {
        self.variables.retain(|(n, _)| n != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_stay_in_the_copy() {
        let mut environment = Environment::default();
        let path = std::env::var_os("PATH").map(OsString::into_vec);
        assert_eq!(environment.get(b"PATH"), path.as_deref());
        environment.set(b"PATH", b"here");
        environment.set(b"ROWEL_NEW", b"");
        assert_eq!(environment.get(b"PATH"), Some(&b"here"[..]));
        assert_eq!(environment.get(b"ROWEL_NEW"), Some(&b""[..]));
        environment.remove(b"ROWEL_NEW");
        assert_eq!(environment.get(b"ROWEL_NEW"), None);
        assert_eq!(std::env::var_os("PATH").map(OsString::into_vec), path);
    }
}
