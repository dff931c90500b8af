//! The notation in which Tonel files describe classes and methods: maps, lists, strings, symbols.
//!
//! Facts: Pharo's `TonelParser` and the part of STON that it reads. Must not know: what the keys mean.

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ston {
    /// A string, a symbol, or a number as it is written.
    Text(String),
    /// `nil`.
    Nil,
    /// `[ a, b ]`.
    List(Vec<Ston>),
    /// `{ #key : value }`.
    Map(Vec<(String, Ston)>),
}

impl Ston {
    /// The value of a key of a map.
    pub fn get(&self, key: &str) -> Option<&Ston> {
        match self {
            Ston::Map(entries) => entries.iter().find(|entry| entry.0 == key).map(|entry| &entry.1),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Ston::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads characters one by one, and knows on which line it is.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    /// At the start of a text.
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The line, from 1.
    pub fn line(&self) -> u32 {
        1 + self.text[..self.at].matches('\n').count() as u32
    }

    /// The text that has not been read.
    pub fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Bytes read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The text from `start` up to here.
    pub fn since(&self, start: usize) -> &'t str {
        &self.text[start..self.at]
    }

    /// The next character, which stays.
    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Read a character.
    pub fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Pass over spaces and line ends.
    pub fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Read this, after blanks.
    ///
    /// # Errors
    /// When something else comes.
    pub fn expect(&mut self, expected: char) -> Result<(), String> {
        self.skip_blanks();
        match self.peek() {
            Some(found) if found == expected => {
                self.at += found.len_utf8();
                Ok(())
            }
            Some(found) => Err(format!("expected {expected} but found {found}")),
            None => Err(format!("expected {expected} but the file ends")),
        }
    }

    /// Read what comes between two quotes, which stand for themselves where they are doubled.
    ///
    /// # Errors
    /// When the second one is missing.
    pub fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.expect(quote)?;
        let mut text = String::new();
        loop {
            match self.next() {
                Some(c) if c == quote && self.peek() == Some(quote) => {
                    self.at += quote.len_utf8();
                    text.push(quote);
                }
                Some(c) if c == quote => return Ok(text),
                Some(c) => text.push(c),
                None => return Err(format!("{quote} without an end")),
            }
        }
    }

    /// Read letters, digits and whatever else names have.
    fn word(&mut self) -> &'t str {
        let start = self.at;
        let is_part = |c: char| c.is_alphanumeric() || "_-.:*+/\\~<>=&|@%?!".contains(c);
        while self.peek().is_some_and(is_part) {
            self.next();
        }
        self.since(start)
    }

    /// Read a value.
    ///
    /// # Errors
    /// When there is none.
    pub fn value(&mut self) -> Result<Ston, String> {
        self.skip_blanks();
        match self.peek() {
            Some('{') => self.map(),
            Some('[') => self.list(),
            Some('\'') => self.quoted('\'').map(Ston::Text),
            Some('#') => self.symbol().map(Ston::Text),
            _ => match self.word() {
                "" => Err("expected a value".to_owned()),
                "nil" => Ok(Ston::Nil),
                word => Ok(Ston::Text(word.to_owned())),
            },
        }
    }

    fn symbol(&mut self) -> Result<String, String> {
        self.expect('#')?;
        if self.peek() == Some('\'') { self.quoted('\'') } else { Ok(self.word().to_owned()) }
    }

    fn list(&mut self) -> Result<Ston, String> {
        self.expect('[')?;
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() == Some(']') {
                break;
            }
            values.push(self.value()?);
            self.skip_blanks();
            if self.peek() == Some(',') {
                self.next();
            }
        }
        self.expect(']')?;
        Ok(Ston::List(values))
    }

    fn map(&mut self) -> Result<Ston, String> {
        self.expect('{')?;
        let mut entries = Vec::new();
        loop {
            self.skip_blanks();
            if self.peek() == Some('}') {
                break;
            }
            let key = match self.value()? {
                Ston::Text(key) => key.trim_end_matches(':').to_owned(),
                _ => return Err("expected a key".to_owned()),
            };
            self.skip_blanks();
            if self.peek() == Some(':') {
                self.next();
            }
            entries.push((key, self.value()?));
            self.skip_blanks();
            if self.peek() == Some(',') {
                self.next();
            }
        }
        self.expect('}')?;
        Ok(Ston::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read() {
        let text = "{ #name : #Foo, #vars : [ 'a', #b ], #super : nil, #'odd key' : 'it''s' }";
        let value = Cursor::new(text).value().expect("a map");
        assert_eq!(value.get("name").and_then(Ston::text), Some("Foo"));
        assert_eq!(value.get("super"), Some(&Ston::Nil));
        assert_eq!(value.get("odd key").and_then(Ston::text), Some("it's"));
        let expected = ["a", "b"].map(|name| Ston::Text(name.to_owned())).to_vec();
        assert_eq!(value.get("vars"), Some(&Ston::List(expected)));
        assert_eq!(value.get("none"), None);
    }

    #[test]
    fn what_is_no_value_is_told() {
        for text in ["", "{ #a : ", "[ 'a'", "'open", "{ 'a' 'b' "] {
            assert!(Cursor::new(text).value().is_err(), "{text}");
        }
    }
}
