//! As much of Markdown as the documents use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `## Title`.
    Heading,
    /// A row of a table.
    Table,
    /// Indented by four, or between fences.
    Code,
    /// `<!-- ... -->`.
    Comment,
    /// Everything else.
    Text,
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    /// Without its end.
    pub(crate) text: String,
    /// What it is.
    pub(crate) kind: Kind,
}

/// A document, by lines.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Relative to the repository.
    pub(crate) path: PathBuf,
    /// All of it.
    pub(crate) lines: Vec<Line>,
}

impl Document {
    /// Reads a file of the repository.
    pub(crate) fn read(root: &Path, path: &Path) -> Document {
        let text = std::fs::read_to_string(path).unwrap();
        Document {
            path: path.strip_prefix(root).unwrap().to_path_buf(),
            lines: lines(&text),
        }
    }

    /// Where a reader finds the line.
    pub(crate) fn at(&self, line: &Line) -> String {
        format!("{}:{}", self.path.display(), line.number)
    }

    /// What links lead to: the headings as GitHub writes them, lower case, words joined by hyphens.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let headings = self.lines.iter().filter(|line| line.kind == Kind::Heading);
        headings
            .map(|line| anchor(line.text.trim_start_matches('#').trim()))
            .collect()
    }

    /// The lines below the heading, up to the next one.
    pub(crate) fn section(&self, heading: &str) -> Vec<&Line> {
        let begin = self.lines.iter().position(|line| line.text == heading);
        let begin = begin.unwrap_or_else(|| panic!("{} has no \"{heading}\"", self.path.display()));
        let rest = self.lines.iter().skip(begin + 1);
        rest.take_while(|line| line.kind != Kind::Heading).collect()
    }
}

fn lines(text: &str) -> Vec<Line> {
    let mut fenced = false;
    let kinds = text.lines().map(|line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        match line {
            _ if fence || fenced || line.starts_with("    ") => Kind::Code,
            _ if line.starts_with('#') => Kind::Heading,
            _ if line.starts_with('|') => Kind::Table,
            _ if line.starts_with("<!--") => Kind::Comment,
            _ => Kind::Text,
        }
    });
    let numbered = text.lines().zip(kinds).enumerate();
    numbered
        .map(|(i, (text, kind))| Line {
            number: i + 1,
            text: text.to_string(),
            kind,
        })
        .collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

/// The texts between backticks.
pub(crate) fn code_spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The cells of a table's row.
pub(crate) fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split(" | ").map(str::trim).collect()
}

#[test]
fn lines_are_told_apart() {
    use Kind::{Code, Comment, Heading, Table, Text};
    let text = "# A `b`, c\n\ntext `x` and `y z`\n    code\n| a | b |\n```\n# no heading\n```\n<!-- begin -->\n";
    let document = Document {
        path: "x.md".into(),
        lines: lines(text),
    };
    let kinds: Vec<Kind> = document.lines.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [Heading, Text, Text, Code, Table, Code, Code, Code, Comment]);
    assert_eq!(document.anchors(), BTreeSet::from(["a-b-c".to_string()]));
    assert_eq!(code_spans(&document.lines[2].text), ["x", "y z"]);
    assert_eq!(cells("| a | b |"), ["a", "b"]);
}
