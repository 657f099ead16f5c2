//! The agent's block in a file that has other writers too.

/// First line of the agent's block. One of a kind, so that tools which drop repeated lines keep it.
pub(crate) const BEGIN_MARKER: &str =
    "# BEGIN gp-agent: gp-agent writes the lines from here to END; put your own below";
/// Last line of the agent's block.
pub(crate) const END_MARKER: &str = "# END gp-agent: everything below is left alone";

/// What a marker line starts with, in this and in earlier versions.
const BEGIN: &str = "# BEGIN gp-agent";
const END: &str = "# END gp-agent";

/// Puts `block` (from [`super::render_block`]) at the top of `existing`, in place of any block already there, and
/// leaves every other byte alone, whatever it encodes. Doing it again changes nothing.
///
/// Of a block that lost its end marker only the lines which are also in `block` are taken for the agent's: a line
/// too many is better than a foreign line lost. The block gets CR LF where the rest of the file has them.
pub fn splice(existing: &[u8], block: &str) -> Vec<u8> {
    let rest = without_blocks(existing, block);
    let first_line = lines(&rest).next().unwrap_or_default();
    let mut result = Vec::with_capacity(block.len() + rest.len());
    if first_line.ends_with(b"\r\n") {
        for line in block.lines() {
            result.extend_from_slice(line.as_bytes());
            result.extend_from_slice(b"\r\n");
        }
    } else {
        result.extend_from_slice(block.as_bytes());
    }
    result.extend_from_slice(&rest);
    result
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

fn without_blocks(existing: &[u8], block: &str) -> Vec<u8> {
    let lines: Vec<&[u8]> = lines(existing).collect();
    let mut rest = Vec::with_capacity(existing.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if line.starts_with(BEGIN.as_bytes()) {
            at = after_block(&lines, at, block);
        } else if !line.starts_with(END.as_bytes()) {
            rest.extend_from_slice(line);
        }
    }
    rest
}

/// The lines inside the agent's blocks. A block that lost its end marker counts as none: its lines may be anybody's.
pub(crate) fn blocks(existing: &str) -> String {
    let mut inside = String::new();
    let mut block = None;
    for line in existing.split_inclusive('\n') {
        if line.starts_with(BEGIN) {
            block = Some(String::new());
        } else if line.starts_with(END) {
            inside.push_str(&block.take().unwrap_or_default());
        } else if let Some(block) = &mut block {
            block.push_str(line);
        }
    }
    inside
}

/// Where the lines that are not the agent's go on, after a begin marker just before `from`.
fn after_block(lines: &[&[u8]], from: usize, block: &str) -> usize {
    let is_end = |line: &[u8]| line.starts_with(END.as_bytes());
    let markers = lines[from..]
        .iter()
        .position(|line| line.starts_with(BEGIN.as_bytes()) || is_end(line));
    if let Some(offset) = markers
        && is_end(lines[from + offset])
    {
        return from + offset + 1;
    }
    let ours = |line: &&&[u8]| block.lines().any(|own| own.as_bytes() == line.trim_ascii_end());
    from + lines[from..].iter().take_while(ours).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn splice(existing: &str, block: &str) -> String {
        String::from_utf8(super::splice(existing.as_bytes(), block)).unwrap()
    }

    #[test]
    fn other_encodings_stay_as_they_are() {
        let foreign = b"# caf\xe9\nhost all all all reject\n";
        let spliced = super::splice(foreign, &block(&["a"]));
        assert!(spliced.ends_with(foreign));
        assert_eq!(super::splice(&spliced, &block(&["a"])), spliced);
    }

    fn block(lines: &[&str]) -> String {
        let mut text = format!("{BEGIN_MARKER}\n");
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        text + END_MARKER + "\n"
    }

    #[test]
    fn a_new_block_goes_to_the_top_and_an_old_one_is_replaced() {
        let rest = "# mine\nhost all all all reject";
        let old = splice(rest, &block(&["a", "b"]));
        assert_eq!(old, block(&["a", "b"]) + rest);
        assert_eq!(splice(&old, &block(&["c"])), block(&["c"]) + rest);
        let moved = format!("x\n{}y", block(&["a"]));
        assert_eq!(splice(&moved, &block(&["c"])), block(&["c"]) + "x\ny");
    }

    #[test]
    fn carriage_returns_stay() {
        let rest = "x\r\ny\n";
        let spliced = splice(rest, &block(&["a"]));
        assert_eq!(spliced, block(&["a"]).replace('\n', "\r\n") + rest);
        assert_eq!(splice(&spliced, &block(&["a"])), spliced);
    }

    #[test]
    fn a_block_without_its_end_loses_no_foreign_line() {
        let damaged = format!("{BEGIN_MARKER}\na\nforeign\nb\n");
        assert_eq!(
            splice(&damaged, &block(&["a", "b"])),
            block(&["a", "b"]) + "foreign\nb\n"
        );
        let twice = format!("{BEGIN_MARKER}\na\n{}z\n", block(&["a"]));
        assert_eq!(splice(&twice, &block(&["a"])), block(&["a"]) + "z\n");
        let end_only = format!("a\n{END_MARKER}\nz");
        assert_eq!(splice(&end_only, &block(&["a"])), block(&["a"]) + "a\nz");
    }

    proptest! {
        #[test]
        fn foreign_text_is_kept_byte_for_byte(
            text in "[a-z# \t\r\n\\\\]{0,80}",
            first in proptest::collection::vec("[a-c]{1,3}", 0..4),
            second in proptest::collection::vec("[a-c]{1,3}", 0..4),
        ) {
            let lines = |l: &[String]| block(&l.iter().map(String::as_str).collect::<Vec<_>>());
            let once = splice(&text, &lines(&first));
            prop_assert!(once.ends_with(&text));
            prop_assert_eq!(splice(&once, &lines(&first)), once.clone());
            let again = splice(&once, &lines(&second));
            prop_assert_eq!(again, splice(&text, &lines(&second)));
        }
    }
}
