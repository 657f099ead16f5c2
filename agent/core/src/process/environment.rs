//! The environment of a process as the kernel and `env -0` write it: `NAME=VALUE`, each ended by a zero byte.

/// Names and values. What has no `=` is no variable; a value may have one.
pub fn variables(environment: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    environment.split(|byte| *byte == 0).filter_map(|entry| {
        let equals = entry.iter().position(|byte| *byte == b'=')?;
        Some((&entry[..equals], &entry[equals + 1..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_have_lines_and_signs_of_equality() {
        let text = b"A=1\0LINES=a\nb=c\0no variable\0EMPTY=\0";
        let found: Vec<_> = variables(text).collect();
        let expected: [(&[u8], &[u8]); 3] = [(b"A", b"1"), (b"LINES", b"a\nb=c"), (b"EMPTY", b"")];
        assert_eq!(found, expected);
    }
}
