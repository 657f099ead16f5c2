//! Text of others on its way to logs, metrics and terminals.

/// The text with a blank for each control character, line breaks too.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// The same without blanks around it.
pub fn one_line(text: &str) -> String {
    printable(text).trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_or_begins_another_line() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n\u{85}c"), "a [2Jb   c");
        assert_eq!(one_line(" disk\nfull\u{7} \r\n"), "disk full");
    }
}
