//! How private keys are mangled on their way into a Secret, told by their text alone. ssh-keygen calls all of it
//! "invalid format" or "error in libcrypto".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What happened to a key, and what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What it is.
    pub what: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

const fn damage(what: &'static str, remedy: &'static str) -> Damage {
    Damage { what, remedy }
}

const AS_A_FILE: &str = "make the Secret from the file itself (`kubectl create secret generic ssh-key --from-file=id_ed25519`), \
                         or use a YAML block (`|`)";
const AGAIN: &str = "put the whole key into the Secret again, from the file that ssh-keygen wrote";
const NEW: &str = "make a new key with `ssh-keygen -t ed25519 -N '' -f id_ed25519`";

const TWICE: Damage = damage(
    "the key is encoded in base64 twice",
    "put the key itself under `stringData`, or its base64 under `data`",
);
const UTF_16: Damage = damage(
    "the key is written in UTF-16, as PowerShell's `>` does",
    "write the file in ASCII (`Out-File -Encoding ascii`), or take the one that ssh-keygen wrote",
);
const PLACEHOLDER: Damage = damage(
    "this is the placeholder of a template or a command, not what it stands for",
    "let the template or the shell put the key's text in its place",
);
const PATH: Damage = damage("this is the name of a file, not its contents", AS_A_FILE);
const PUTTY: Damage = damage(
    "the key is in PuTTY's format",
    "convert a copy with `puttygen key.ppk -O private-openssh -o id_ed25519`",
);
const PUBLIC: Damage = damage(
    "this is a public key, where the private one is expected",
    "put the private half (the file without .pub) there",
);
const CERTIFICATE: Damage = damage("this is a certificate, no private key", NEW);
const QUOTED: Damage = damage(
    "quotation marks stand around the key",
    "remove them; YAML's own quotes are not part of the text",
);
const DASHES: Damage = damage(
    "the key's first line has other characters than the five dashes, as word processors write them",
    AGAIN,
);
const BACKSLASH_N: Damage = damage("the key's line ends became the two characters `\\n`", AS_A_FILE);
const SPACES: Damage = damage("the key's line ends became spaces", AS_A_FILE);
const ONE_LINE: Damage = damage("the key's line ends are gone", AS_A_FILE);
const NO_BEGIN: Damage = damage("the key's first line (-----BEGIN ...) is missing", AGAIN);
const NO_END: Damage = damage("the key is cut off: its last line (-----END ...) is missing", AGAIN);
const INDENTED: Damage = damage(
    "the key's lines are indented",
    "remove the spaces; a YAML block (`|`) takes its own indentation away, and no more",
);
const PLUS: Damage = damage(
    "there are spaces inside the key's lines, as when `+` is taken for a space in a URL",
    AGAIN,
);
const PKCS8: Damage = damage(
    "an ed25519 key in PKCS#8 (\"BEGIN PRIVATE KEY\", as openssl writes it), which this OpenSSH does not read",
    NEW,
);
const CHANGED: Damage = damage(
    "the key is damaged: a part between its first and last line is missing or changed",
    AGAIN,
);

/// The encoding of ed25519's object identifier, 1.3.101.112 (RFC 8410, section 3).
const OID_ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
/// OpenSSH's PROTOCOL.key, section 1.
const OPENSSH_MAGIC: &[u8] = b"openssh-key-v1\0";
/// What the base64 of `-----BEGIN ` begins with.
const BEGIN_IN_BASE64: &str = "LS0tLS1CRUdJT";

/// OpenSSH refuses a key with CRLF line ends or without a last line end, which editors and YAML often leave.
pub fn tidy(bytes: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'\r').collect();
    let mut text = text.trim_ascii();
    while let Some(rest) = text.strip_prefix(b"\xef\xbb\xbf") {
        text = rest.trim_ascii_start();
    }
    [text, b"\n"].concat()
}

/// What is wrong with a text that ssh-keygen does not take for a private key; `None` when nothing of it is known.
pub fn diagnose(bytes: &[u8]) -> Option<Damage> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.iter().take(64).any(|b| *b == 0) {
        return Some(UTF_16);
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    another_thing(text).or_else(|| framing(text)).or_else(|| body(text))
}

/// It is no private key at all, or one in another wrapping.
fn another_thing(text: &str) -> Option<Damage> {
    let one_line = !text.contains('\n');
    if text.starts_with(BEGIN_IN_BASE64) {
        return Some(TWICE);
    }
    if text.starts_with("PuTTY-User-Key-File") {
        return Some(PUTTY);
    }
    if ["{{", "${", "$(", "<no value>"]
        .iter()
        .any(|begin| text.starts_with(begin))
    {
        return Some(PLACEHOLDER);
    }
    if one_line && text.starts_with(['/', '~', '.']) && !text.contains(' ') {
        return Some(PATH);
    }
    let public_word = ["ssh-", "ecdsa-sha2-", "sk-"]
        .iter()
        .any(|begin| text.starts_with(begin));
    if public_word || text.starts_with("---- BEGIN SSH2 PUBLIC") || text.contains("BEGIN PUBLIC KEY") {
        return Some(PUBLIC);
    }
    text.contains("-BEGIN CERTIFICATE").then_some(CERTIFICATE)
}

/// The first and the last line, and what stands between lines.
fn framing(text: &str) -> Option<Damage> {
    let inside = text.trim_matches(['"', '\'', '`']);
    if inside.len() < text.len() && inside.contains("-BEGIN ") {
        return Some(QUOTED);
    }
    let Some(begin) = text.find("-----BEGIN ") else {
        let looks_cut = text.contains("-----END ");
        let bent = text.contains("BEGIN ");
        return match (bent, looks_cut) {
            (true, _) => Some(DASHES),
            (false, true) => Some(NO_BEGIN),
            (false, false) => decoded(text)
                .filter(|der| der.starts_with(OPENSSH_MAGIC))
                .map(|_| NO_BEGIN),
        };
    };
    if text.contains("\\n") {
        return Some(BACKSLASH_N);
    }
    if !text.contains("-----END ") {
        return Some(NO_END);
    }
    let head = text[begin..].lines().next().unwrap_or_default();
    if head.contains("-----END ") {
        let rest = head.split("KEY-----").nth(1).unwrap_or_default();
        return Some(if rest.starts_with(' ') { SPACES } else { ONE_LINE });
    }
    None
}

/// What stands between the first and the last line.
fn body(text: &str) -> Option<Damage> {
    if !text.contains("-----BEGIN ") {
        return None;
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("-----")).collect();
    // The headers of an old PEM file, such as `DEK-Info: ...`, hold colons.
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.contains(':')).collect();
    if lines.iter().any(|line| line.starts_with([' ', '\t'])) {
        return Some(INDENTED);
    }
    if lines.iter().any(|line| line.trim_end().contains(' ')) {
        return Some(PLUS);
    }
    let Some(der) = decoded(&lines.concat()) else {
        return Some(CHANGED);
    };
    let pkcs8 = text.contains("-----BEGIN PRIVATE KEY-----");
    if pkcs8 && der.windows(OID_ED25519.len()).any(|window| window == OID_ED25519) {
        return Some(PKCS8);
    }
    let openssh = text.contains("-----BEGIN OPENSSH PRIVATE KEY-----");
    let whole = if openssh {
        der.starts_with(OPENSSH_MAGIC)
    } else {
        is_whole_der(&der)
    };
    (openssh || !whole).then_some(CHANGED)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).ok()
}

/// A SEQUENCE as long as the bytes (X.690, 8.1.3).
fn is_whole_der(der: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = der else { return false };
    match first {
        0..=0x7f => rest.len() == usize::from(*first),
        0x81 => rest
            .split_first()
            .is_some_and(|(n, rest)| rest.len() == usize::from(*n)),
        0x82 => rest
            .split_first_chunk::<2>()
            .is_some_and(|(n, rest)| rest.len() == usize::from(u16::from_be_bytes(*n))),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the shape of one, made of nothing.
    fn key() -> String {
        let bytes = [OPENSSH_MAGIC, &[7; 90]].concat();
        let base64 = STANDARD.encode(bytes).replace("Bw", "+w");
        let (first, second) = base64.split_at(70);
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{first}\n{second}\n-----END OPENSSH PRIVATE KEY-----\n")
    }

    #[test]
    fn line_ends_and_margins_are_mended() {
        assert_eq!(tidy(b"\xef\xbb\xbf a\r\nb\r\n\r\n"), b"a\nb\n");
        assert_eq!(tidy(b"a\nb"), b"a\nb\n");
        assert_eq!(tidy(b"a\nb\n"), b"a\nb\n");
        for blanks in [
            &b" \xef\xbb\xbfa"[..],
            b"\xef\xbb\xbf\n\xef\xbb\xbfa",
            b"\xef\r\xbb\xbfa",
        ] {
            assert_eq!(tidy(blanks), b"a\n", "{blanks:?}");
        }
    }

    #[test]
    fn every_way_of_mangling_has_its_name() {
        let key = key();
        let utf_16: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(diagnose(&utf_16), Some(UTF_16));
        let lines: Vec<&str> = key.lines().collect();
        for (text, expected) in [
            (key.replace('\n', " "), SPACES),
            (key.replace('\n', ""), ONE_LINE),
            (key.replace('\n', "\\n"), BACKSLASH_N),
            (format!("\"{key}\""), QUOTED),
            (lines[..2].join("\n"), NO_END),
            (lines[1..].join("\n"), NO_BEGIN),
            (lines[1..3].join("\n"), NO_BEGIN),
            (lines.join("\n    "), INDENTED),
            (key.replace('+', " "), PLUS),
            (key.replace("-----", "\u{2014}\u{2014}-"), DASHES),
            (STANDARD.encode(&key), TWICE),
            ([lines[0], lines[1], lines[3]].join("\n"), CHANGED),
            ([lines[0], &lines[1][1..], lines[2], lines[3]].join("\n"), CHANGED),
            ("{{ .Values.key }}".to_string(), PLACEHOLDER),
            ("$(cat id_ed25519)".to_string(), PLACEHOLDER),
            ("/home/me/.ssh/id_ed25519".to_string(), PATH),
            ("ssh-ed25519 AAAA me".to_string(), PUBLIC),
            (
                "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n".to_string(),
                PUTTY,
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_string(),
                CERTIFICATE,
            ),
        ] {
            assert_eq!(diagnose(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn pkcs8_is_told_apart_from_damage() {
        let ed25519 = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END PRIVATE KEY-----\n";
        assert_eq!(diagnose(ed25519.as_bytes()), Some(PKCS8));
        assert_eq!(diagnose(ed25519.replace("BwcH", "").as_bytes()), Some(PKCS8));
        assert_eq!(diagnose(ed25519.replace("MC4C", "MC4").as_bytes()), Some(CHANGED));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(diagnose(b"hello"), None);
        assert_eq!(diagnose(b""), None);
    }
}
