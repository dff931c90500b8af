//! The form of the test files: cases, codes and values.
//!
//! Must not know: objects, and which bytecodes there are.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

/// A bytecode set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    SistaV1,
    V3,
}

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Integer(i64),
    Float(f64),
    Character(char),
    Text(String),
    /// `#selector`
    Symbol(String),
    Nil,
    True,
    False,
    /// `{1 2}`
    Array(Vec<Value>),
    /// `(Pair 1 2)`, an instance with these slots
    Instance(String, Vec<Value>),
    /// `&x`, the association of a variable
    Variable(String),
    /// `%Pair`, a class
    Class(String),
    /// `[name]`, the code of a block
    Block(String),
}

/// A method or the code of a block.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// `Class>>selector`, or the block's name.
    pub name: String,
    pub is_block: bool,
    /// Whether its frame has as many slots as one can have.
    pub is_large: bool,
    pub primitive: Option<u16>,
    pub num_args: usize,
    /// Temporaries beside the arguments; the copied values of a block count.
    pub temporaries: usize,
    pub literals: Vec<Value>,
    /// Instructions and labels (`name:`), with their line numbers.
    pub lines: Vec<(usize, String)>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub set: Set,
    pub receiver: Value,
    pub arguments: Vec<Value>,
    /// Name and superclass.
    pub classes: Vec<(String, String)>,
    /// The first one is what is run.
    pub codes: Vec<Code>,
    pub expected: String,
    pub expected_at: Range<usize>,
}

impl Code {
    /// The bytecodes that stand in it.
    pub fn mnemonics(&self) -> impl Iterator<Item = String> + '_ {
        let first_word = |line: &str| line.split_whitespace().next().unwrap_or("").to_owned();
        let lines = self.lines.iter().map(move |(_, line)| first_word(line));
        self.primitive.map(|_| "call_primitive".to_owned()).into_iter().chain(lines)
    }
}

/// The cases of a file.
///
/// # Errors
/// The line that cannot be read.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    let mut set = Set::SistaV1;
    let mut is_open = false;
    let mut at = 0;
    for (number, full) in text.split_inclusive('\n').enumerate() {
        let start = at;
        at += full.len();
        let line = full.split(';').next().unwrap_or("").trim();
        let line = if full.trim_start().starts_with("=>") { full.trim() } else { line };
        let wrong = || format!("line {}: `{line}`", number + 1);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => continue,
            "set" if rest == "sista_v1" => set = Set::SistaV1,
            "set" if rest == "v3" => set = Set::V3,
            "test" if !is_open => {
                is_open = true;
                cases.push(Case {
                    name: rest.to_owned(),
                    set,
                    receiver: Value::Nil,
                    arguments: Vec::new(),
                    classes: Vec::new(),
                    codes: vec![Code { name: "Object>>main".to_owned(), ..Code::default() }],
                    expected: String::new(),
                    expected_at: 0..0,
                });
            }
            "=>" if is_open => {
                is_open = false;
                let case = cases.last_mut().ok_or_else(wrong)?;
                let from = start + full.find("=>").unwrap_or(0) + 3;
                case.expected = rest.trim().to_owned();
                case.expected_at = from..start + full.trim_end().len();
            }
            _ if is_open => {
                let case = cases.last_mut().ok_or_else(wrong)?;
                directive(case, word, rest, (number + 1, line)).ok_or_else(wrong)?;
            }
            _ => return Err(wrong()),
        }
    }
    if is_open { Err("the last test has no `=>`".to_owned()) } else { Ok(cases) }
}

fn directive(case: &mut Case, word: &str, rest: &str, line: (usize, &str)) -> Option<()> {
    match word {
        "receiver" => case.receiver = values(rest)?.pop()?,
        "arguments" => {
            case.arguments = values(rest)?;
            case.codes[0].num_args = case.arguments.len();
        }
        "class" => {
            let (name, above) = rest.split_once(" < ")?;
            case.classes.push((name.to_owned(), above.to_owned()));
        }
        "method" => {
            let (name, primitive) = match rest.split_once(" primitive ") {
                Some((name, number)) => (name, Some(number.parse().ok()?)),
                None => (rest, None),
            };
            let selector = name.split_once(">>")?.1;
            let is_binary = !selector.starts_with(|c: char| c.is_alphabetic());
            let num_args = if is_binary { 1 } else { selector.matches(':').count() };
            case.codes.push(Code { name: name.to_owned(), primitive, num_args, ..Code::default() });
        }
        "block" => {
            let (name, num_args) = rest.split_once('/')?;
            let num_args = num_args.parse().ok()?;
            let name = name.to_owned();
            case.codes.push(Code { name, num_args, is_block: true, ..Code::default() });
        }
        "temporaries" => case.codes.last_mut()?.temporaries = rest.parse().ok()?,
        "literals" => case.codes.last_mut()?.literals = values(rest)?,
        _ => case.codes.last_mut()?.lines.push((line.0, line.1.to_owned())),
    }
    Some(())
}

/// The values in a line.
pub fn values(text: &str) -> Option<Vec<Value>> {
    let mut reader = Reader { text, chars: text.char_indices().peekable() };
    reader.values(None)
}

struct Reader<'t> {
    text: &'t str,
    chars: Peekable<CharIndices<'t>>,
}

impl Reader<'_> {
    fn values(&mut self, close: Option<char>) -> Option<Vec<Value>> {
        let mut found = Vec::new();
        loop {
            while self.chars.next_if(|c| c.1 == ' ').is_some() {}
            match self.chars.peek() {
                None => return close.is_none().then_some(found),
                Some(&(_, c)) if Some(c) == close => {
                    self.chars.next();
                    return Some(found);
                }
                Some(_) => found.push(self.value()?),
            }
        }
    }

    /// The word from here on: to the next space or closing bracket.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some((_, c)) = self.chars.next_if(|c| !" {}()[]".contains(c.1)) {
            word.push(c);
        }
        word
    }

    fn value(&mut self) -> Option<Value> {
        let &(at, first) = self.chars.peek()?;
        if "'{([$#&%".contains(first) {
            self.chars.next();
        }
        Some(match first {
            '\'' => {
                let end = at + 1 + self.text[at + 1..].find('\'')?;
                while self.chars.next_if(|c| c.0 <= end).is_some() {}
                Value::Text(self.text[at + 1..end].to_owned())
            }
            '{' => Value::Array(self.values(Some('}'))?),
            '(' => {
                let class = self.word();
                Value::Instance(class, self.values(Some(')'))?)
            }
            '[' => {
                let name = self.word();
                self.chars.next();
                Value::Block(name)
            }
            '$' => Value::Character(self.chars.next()?.1),
            '#' => Value::Symbol(self.word()),
            '&' => Value::Variable(self.word()),
            '%' => Value::Class(self.word()),
            _ => match self.word().as_str() {
                "nil" => Value::Nil,
                "true" => Value::True,
                "false" => Value::False,
                number if number.contains('.') => Value::Float(number.parse().ok()?),
                number => Value::Integer(number.parse().ok()?),
            },
        })
    }
}

#[test]
fn values_are_read() {
    let expected = vec![
        Value::Integer(-3),
        Value::Text("a b".into()),
        Value::Array(vec![Value::Symbol("at:put:".into()), Value::Character('}')]),
        Value::Instance("Pair".into(), vec![Value::Float(1.5), Value::Nil]),
        Value::Block("b".into()),
        Value::Class("Pair".into()),
    ];
    assert_eq!(values("-3 'a b' {#at:put: $}} (Pair 1.5 nil) [b] %Pair"), Some(expected));
    assert_eq!(values("{1"), None);
    assert_eq!(values("1x"), None);
}
