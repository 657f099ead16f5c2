//! The text of the file as a tree that remembers where everything stands.
//!
//! The tree is made before any key is looked at, so that one pass can report every finding.

use serde::de;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, MergeKeyPolicy, NonFiniteFloatPolicy, Spanned};
use std::fmt;

/// The largest file that is read; also the largest object that Kubernetes stores.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A place in the file; both numbers count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

impl Position {
    /// The beginning of the file.
    pub(super) const START: Position = Position { line: 1, column: 1 };
}

impl From<Location> for Position {
    fn from(location: Location) -> Self {
        Position {
            line: location.line().max(1),
            column: location.column().max(1),
        }
    }
}

/// What a scalar was, as YAML 1.2 tells it from its spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Switch,
    /// An integer or a fraction.
    Number,
    /// Everything else, and everything in quotes.
    Text,
}

/// One value of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A scalar as it was spelled, without quotes.
    Scalar(Kind, String),
    /// A list.
    List(Vec<Node>),
    /// A mapping with its entries in the order of the file, repeated keys included.
    Map(Vec<(Node, Node)>),
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Where.
    pub at: Position,
    /// What.
    pub value: Value,
}

/// Why a text is no YAML, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// Where the parser stopped.
    pub at: Position,
    /// The parser's words, one line.
    pub message: String,
}

/// Reads every document of `text`; a file without any value gives an empty list.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, SyntaxError> {
    if text.len() > MAX_BYTES {
        return Err(SyntaxError {
            at: Position::START,
            message: format!("is larger than {MAX_BYTES} bytes"),
        });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_saphyr::from_multiple_with_options::<Spanned<Raw>>(text, options())
        .map(|documents| documents.into_iter().map(|d| place(d, text)).collect())
        .map_err(|e| syntax_error(&e))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_nodes: 50_000,
            max_aliases: 100,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn syntax_error(error: &serde_saphyr::Error) -> SyntaxError {
    let error = error.without_snippet();
    let full = error.to_string();
    let line = full.lines().next().unwrap_or_default();
    SyntaxError {
        at: error.location().map_or(Position::START, Position::from),
        // The position is told apart from the message.
        message: line.split(" at line ").next().unwrap_or(line).to_string(),
    }
}

/// What the deserialiser hands over; numbers and switches have lost their spelling.
enum Raw {
    Null,
    Switch(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a scalar, a list or a mapping")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Raw, E> {
        Ok(Raw::Switch(v))
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Raw, E> {
        Ok(Raw::Number(v.to_string()))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Raw, E> {
        Ok(Raw::Number(v.to_string()))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Raw, E> {
        Ok(Raw::Number(v.to_string()))
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Raw, E> {
        Ok(Raw::Text(v.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

fn place(raw: Spanned<Raw>, text: &str) -> Node {
    let spelled = |value: String| spelling(raw.defined, text).unwrap_or(value);
    let value = match raw.value {
        Raw::Null => Value::Scalar(Kind::Null, String::new()),
        Raw::Switch(v) => Value::Scalar(Kind::Switch, spelled(v.to_string())),
        Raw::Number(v) => Value::Scalar(Kind::Number, spelled(v)),
        Raw::Text(v) => Value::Scalar(Kind::Text, v),
        Raw::List(items) => Value::List(items.into_iter().map(|i| place(i, text)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(k, v)| (place(k, text), place(v, text)))
                .collect(),
        ),
    };
    Node {
        at: raw.referenced.into(),
        value,
    }
}

/// The plain scalar that stands at `location`; none when it is quoted or tagged.
fn spelling(location: Location, text: &str) -> Option<String> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let len = usize::try_from(location.span().byte_len()?).ok()?;
    let raw = text.get(start..start.checked_add(len)?)?.trim_end();
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    (!raw.is_empty() && raw.chars().all(plain)).then(|| raw.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn dump(node: &Node, depth: usize, out: &mut String) {
        let Position { line, column } = node.at;
        write!(out, "{}{line}:{column} ", "  ".repeat(depth)).unwrap();
        match &node.value {
            Value::Scalar(kind, text) => writeln!(out, "{kind:?} {text:?}").unwrap(),
            Value::List(items) => {
                writeln!(out, "list").unwrap();
                for item in items {
                    dump(item, depth + 1, out);
                }
            }
            Value::Map(entries) => {
                writeln!(out, "map").unwrap();
                for (key, value) in entries {
                    dump(key, depth + 1, out);
                    dump(value, depth + 2, out);
                }
            }
        }
    }

    fn show(text: &str) -> String {
        match parse(text) {
            Err(e) => format!("{}:{} {}", e.at.line, e.at.column, e.message),
            Ok(documents) => {
                let mut out = String::new();
                for document in &documents {
                    dump(document, 0, &mut out);
                }
                out
            }
        }
    }

    #[test]
    fn keeps_positions_spellings_and_repeated_keys() {
        let text = "a: 1.10\nb:\n  é: 'ü1'\n  c: 0x1F\n  d: yes\n  e:\n  f: 1_000\n  g: True\n\
                    a: [007, 1e999]\n1: |\n  two\n";
        insta::assert_snapshot!(show(text), @r#"
        1:1 map
          1:1 Text "a"
            1:4 Number "1.10"
          2:1 Text "b"
            3:3 map
              3:3 Text "é"
                3:6 Text "ü1"
              4:3 Text "c"
                4:6 Number "0x1F"
              5:3 Text "d"
                5:6 Text "yes"
              6:3 Text "e"
                6:4 Null ""
              7:3 Text "f"
                7:6 Number "1_000"
              8:3 Text "g"
                8:6 Switch "True"
          9:1 Text "a"
            9:4 list
              9:5 Number "007"
              9:10 Number "1e999"
          10:1 Number "1"
            11:3 Text "two\n"
        "#);
    }

    #[test]
    fn an_alias_stands_where_it_is_used_and_merges_are_plain_keys() {
        insta::assert_snapshot!(show("a: &x 1.50\nb: *x\nc:\n  <<: *x\n"), @r#"
        1:1 map
          1:1 Text "a"
            1:7 Number "1.50"
          2:1 Text "b"
            2:4 Number "1.50"
          3:1 Text "c"
            4:3 map
              4:3 Text "<<"
                4:7 Number "1.50"
        "#);
    }

    #[test]
    fn says_where_the_text_stops_being_yaml() {
        let deep = "- ".repeat(17);
        let bomb = format!("a: &a [{}]\nb: [{}]", "1,".repeat(9), "*a,".repeat(200));
        let texts = [
            "a:\n\tb: 1",
            "a: b: c",
            "x: [",
            "x: *y",
            "a: \"",
            "a: @b",
            "a: \0",
            &deep,
            &bomb,
        ];
        let shown: Vec<_> = texts.map(show).to_vec();
        insta::assert_snapshot!(shown.join("\n"), @r"
        2:2 tabs disallowed within this context (block indentation)
        1:5 mapping values are not allowed in this context
        1:4 unclosed bracket '['
        1:4 alias references unknown anchor
        1:4 unclosed quote
        1:4 unexpected character: `@'
        1:4 unexpected character: `\u{0}'
        1:33 budget breached: Depth { depth: 17 }
        2:305 budget breached: Aliases { aliases: 101 }
        ");
    }

    #[test]
    fn documents_are_counted_and_a_mark_of_byte_order_is_skipped() {
        assert_eq!(parse("").map(|d| d.len()), Ok(0));
        assert_eq!(parse("# nothing\n---\n").map(|d| d.len()), Ok(0));
        assert_eq!(parse("a: 1\n---\nb: 2\n").map(|d| d.len()), Ok(2));
        assert_eq!(parse("\u{feff}a: 1"), parse("a: 1"));
        assert!(parse(&" ".repeat(MAX_BYTES + 1)).is_err());
    }
}
