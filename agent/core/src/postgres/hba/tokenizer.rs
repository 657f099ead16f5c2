//! From text to lines, fields and words.

use super::grammar::{Grammar, WordPlace};
use super::model::Token;
use super::syntax_error::HbaSyntaxError;

/// Longest word in bytes (hba.c, MAX_TOKEN, which is one more). That of PostgreSQL 12 to 15; their releases before
/// August 2023 took only 255, and 16 takes any length.
const MAX_TOKEN: usize = 10_239;

/// One logical line with something on it.
pub(super) struct Line {
    /// Number of its first physical line, from 1.
    pub number: u32,
    /// The joined text.
    pub text: String,
    /// Each field is a list: words parted by commas.
    pub fields: Vec<Vec<Token>>,
    /// Why it cannot be read.
    pub error: Option<HbaSyntaxError>,
}

/// All logical lines but the empty ones and the comments.
///
/// A backslash at the end of a line joins it with the next, even inside quotes and comments (since
/// PostgreSQL 14; before, the backslash is an ordinary character).
pub(super) fn lines(text: &str, grammar: Grammar) -> Vec<Line> {
    let joins = grammar.knows(WordPlace::LineEnd, "\\");
    let mut physical = text.split_inclusive('\n').peekable();
    let mut number = 1;
    let mut found = Vec::new();
    while physical.peek().is_some() {
        let mut joined = String::new();
        let mut continued_at = 0;
        let mut continuations = 0;
        for part in physical.by_ref() {
            joined.push_str(part);
            joined.truncate(joined.trim_end_matches(['\r', '\n']).len());
            // Two backslashes before an empty line are one continuation, not two.
            if joins && joined.len() > continued_at && joined.ends_with('\\') {
                joined.pop();
                continued_at = joined.len();
                continuations += 1;
            } else {
                break;
            }
        }
        found.extend(line(number, joined, grammar));
        number += continuations + 1;
    }
    found
}

fn line(number: u32, text: String, grammar: Grammar) -> Option<Line> {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        at: 0,
    };
    let mut fields = Vec::new();
    let mut error = None;
    while scanner.at < scanner.bytes.len() && error.is_none() {
        let (words, failed) = scanner.field();
        if !words.is_empty() {
            fields.push(words);
        }
        error = failed;
    }
    if fields.is_empty() && error.is_none() {
        return None;
    }
    let error = error.or_else(|| include_directive(&fields, grammar));
    Some(Line {
        number,
        text,
        fields,
        error,
    })
}

/// PostgreSQL 16 reads these when the line has exactly two fields; older ones call them a wrong connection type.
fn include_directive(fields: &[Vec<Token>], grammar: Grammar) -> Option<HbaSyntaxError> {
    let [first, _] = fields else { return None };
    let word = first.first()?.text.as_str();
    grammar
        .has(WordPlace::Directive, word)
        .then(|| HbaSyntaxError::DirectiveNotFollowed(word.to_string()))
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One word, and whether a comma ended it.
struct Word {
    token: Token,
    comma: bool,
}

impl Scanner<'_> {
    fn field(&mut self) -> (Vec<Token>, Option<HbaSyntaxError>) {
        let mut words = Vec::new();
        loop {
            match self.word() {
                Err(error) => return (words, Some(error)),
                Ok(None) => return (words, None),
                Ok(Some(Word { token, comma })) => {
                    if !token.quoted && token.text.len() > 1 && token.text.starts_with('@') {
                        return (words, Some(HbaSyntaxError::FileNotFollowed(token.text)));
                    }
                    words.push(token);
                    if !comma {
                        return (words, None);
                    }
                }
            }
        }
    }

    fn word(&mut self) -> Result<Option<Word>, HbaSyntaxError> {
        while self.peek().is_some_and(|c| is_blank(c) || c == b',') {
            self.at += 1;
        }
        let mut text = Vec::new();
        let (mut in_quote, mut was_quote, mut saw_quote) = (false, false, false);
        let mut quoted = false;
        let mut comma = false;
        while let Some(c) = self.peek() {
            if is_blank(c) && !in_quote {
                break;
            }
            if c == b'#' && !in_quote {
                self.at = self.bytes.len();
                break;
            }
            if text.len() >= MAX_TOKEN {
                self.at = self.bytes.len();
                return Err(HbaSyntaxError::TokenTooLong);
            }
            if c == b',' && !in_quote {
                comma = true;
                break;
            }
            if c != b'"' || was_quote {
                text.push(c);
            }
            // Inside quotes, two quotes are one that is meant.
            was_quote = in_quote && c == b'"' && !was_quote;
            if c == b'"' {
                in_quote = !in_quote;
                saw_quote = true;
                quoted |= text.is_empty();
            }
            self.at += 1;
        }
        if !saw_quote && text.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let token = Token {
            text,
            quoted,
            regex: false,
        };
        Ok(Some(Word { token, comma }))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

fn is_blank(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        super::lines(text, Grammar::default())
    }

    fn words(text: &str) -> Vec<Vec<(String, bool)>> {
        lines(text)
            .into_iter()
            .flat_map(|line| line.fields)
            .map(|field| field.into_iter().map(|t| (t.text, t.quoted)).collect())
            .collect()
    }

    fn plain(word: &str) -> (String, bool) {
        (word.to_string(), false)
    }

    fn quoted(word: &str) -> (String, bool) {
        (word.to_string(), true)
    }

    #[test]
    fn fields_are_parted_by_blanks_and_lists_by_commas() {
        assert_eq!(
            words("a,b\tc ,d e,\tf # g\n"),
            [
                vec![plain("a"), plain("b")],
                vec![plain("c")],
                vec![plain("d")],
                vec![plain("e"), plain("f")]
            ]
        );
        assert_eq!(words(",,,\n  # only\n\r\n"), Vec::<Vec<_>>::new());
        assert_eq!(words("a#b c"), [vec![plain("a")]]);
    }

    #[test]
    fn quotes_keep_blanks_and_mark_the_word() {
        assert_eq!(words("\"a b\",\"c#\""), [vec![quoted("a b"), quoted("c#")]]);
        assert_eq!(words("\"\""), [vec![quoted("")]]);
        assert_eq!(words("\"a\"\"b\""), [vec![quoted("a\"b")]]);
        assert_eq!(words("a\"l l\""), [vec![plain("al l")]]);
        assert_eq!(words("\"open # end"), [vec![quoted("open # end")]]);
    }

    #[test]
    fn a_backslash_joins_lines_and_the_first_one_counts() {
        let found = lines("# c\\\nstill comment\na\\\nb \\\r\nc\nd\\");
        let seen: Vec<_> = found.iter().map(|l| (l.number, l.text.as_str())).collect();
        assert_eq!(seen, [(3, "ab c"), (6, "d")]);
        let found = lines("a\\\\\n\nb\n");
        let seen: Vec<_> = found.iter().map(|l| (l.number, l.text.as_str())).collect();
        assert_eq!(seen, [(1, "a\\"), (3, "b")]);
    }

    #[test]
    fn inclusion_is_named_and_only_meant_without_quotes() {
        for text in ["a @x", "a b,@\"x y\" c", "include x", "include_dir \"y\""] {
            let error = lines(text).remove(0).error.map(|e| e.kind());
            assert_eq!(error, Some(crate::postgres::hba::ErrorKind::Inclusion), "{text}");
        }
        for text in ["a \"@x\"", "a @", "include x y"] {
            assert!(lines(text).remove(0).error.is_none(), "{text}");
        }
    }

    #[test]
    fn a_word_may_not_be_endless() {
        assert!(lines(&"x".repeat(MAX_TOKEN)).remove(0).error.is_none());
        assert!(lines(&"x".repeat(MAX_TOKEN + 1)).remove(0).error.is_some());
    }
}
