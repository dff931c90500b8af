//! What a machine printed when it ran a benchmark.
//!
//! Owns the reading of the lines that `macro/run.st` prints. Must not know who ran it.

/// What became of one turn of a machine at a benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It ran, and its answer was as it should be.
    Ran {
        /// What it answered, printed.
        result: String,
        /// Microseconds that each iteration took, the first ones included.
        times: Vec<u64>,
    },
    /// What it answered and should have answered, as a sentence.
    Wrong(String),
}

/// The answer to the benchmark `name` in `output`; `None` when it is not there, or not complete.
pub fn answer(output: &str, name: &str) -> Option<Answer> {
    output.lines().find_map(|line| {
        let mut words = line.split(' ');
        let kind = words.next()?;
        if words.next()? != name {
            return None;
        }
        match kind {
            "WRONG" => Some(Answer::Wrong(words.collect::<Vec<_>>().join(" "))),
            "BENCH" => {
                let result = words.next()?.to_owned();
                let times: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
                times.filter(|times| !times.is_empty()).map(|times| Answer::Ran { result, times })
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_found_among_other_output() {
        let output = "something else\nBENCH fibs 1 2\nBENCH fib 117 30 20 10\nBENCH fib 1 1\n";
        let expected = Answer::Ran { result: "117".to_owned(), times: vec![30, 20, 10] };
        assert_eq!(answer(output, "fib"), Some(expected));
        assert_eq!(answer(output, "fact"), None);
    }

    #[test]
    fn a_wrong_result_is_told_in_its_words() {
        let output = "WRONG fib answered 2, but should have answered 3\n";
        let expected = Answer::Wrong("answered 2, but should have answered 3".to_owned());
        assert_eq!(answer(output, "fib"), Some(expected));
    }

    #[test]
    fn what_is_cut_off_or_garbled_is_no_answer() {
        for output in ["", "BENCH", "BENCH fib", "BENCH fib 117", "BENCH fib 117 30 x", "WRONG"] {
            assert_eq!(answer(output, "fib"), None, "{output}");
        }
    }
}
