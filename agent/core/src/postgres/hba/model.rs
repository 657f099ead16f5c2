//! What a pg_hba.conf is made of.

use std::fmt;
use std::net::IpAddr;

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word without its quotes.
    pub text: String,
    /// Whether it began with a quote, which takes away the meaning of `all`, `replication`, `+role`, ...
    pub quoted: bool,
    /// Whether it is a regular expression, for names alone.
    pub regex: bool,
}

impl Token {
    /// Whether this is the keyword `word` (unquoted; keywords are case-sensitive).
    pub(crate) fn is_keyword(&self, word: &str) -> bool {
        !self.quoted && self.text == word
    }
}

/// The first column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnType {
    /// Unix socket.
    Local,
    /// TCP, however encrypted.
    Host,
    /// TCP with TLS.
    HostSsl,
    /// TCP without TLS.
    HostNoSsl,
    /// TCP with GSSAPI encryption.
    HostGssEnc,
    /// TCP without GSSAPI encryption.
    HostNoGssEnc,
}

/// The address column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `all`.
    All,
    /// `samehost`: any of the server's own addresses.
    SameHost,
    /// `samenet`: any address in a network that the server has an interface in.
    SameNet,
    /// An address and a mask of the same family; the mask need not be contiguous.
    Net {
        /// The network's address.
        address: IpAddr,
        /// The bits that have to agree.
        mask: IpAddr,
    },
    /// A host name, or with a leading dot a suffix of one.
    Name(String),
}

/// The method column; those that no Linux build offers (sspi, bsd) are parse errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Admits without a question.
    Trust,
    /// Refuses.
    Reject,
    /// Asks the client host's ident server.
    Ident,
    /// The operating system's user at the other end of the unix socket.
    Peer,
    /// A password in clear text.
    Password,
    /// A password, hashed with MD5 (or SCRAM when it is stored so).
    Md5,
    /// A password, never sent.
    ScramSha256,
    /// GSSAPI.
    Gss,
    /// PAM.
    Pam,
    /// LDAP.
    Ldap,
    /// TLS client certificate.
    Cert,
    /// RADIUS.
    Radius,
}

impl Method {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Trust => "trust",
            Method::Reject => "reject",
            Method::Ident => "ident",
            Method::Peer => "peer",
            Method::Password => "password",
            Method::Md5 => "md5",
            Method::ScramSha256 => "scram-sha-256",
            Method::Gss => "gss",
            Method::Pam => "pam",
            Method::Ldap => "ldap",
            Method::Cert => "cert",
            Method::Radius => "radius",
        }
    }
}

/// One valid line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number, as `pg_hba_file_rules.line_number` counts: the first physical line of a continued one.
    pub line: u32,
    /// Connection type.
    pub kind: ConnType,
    /// Databases, at least one.
    pub databases: Vec<Token>,
    /// Users, at least one.
    pub users: Vec<Token>,
    /// Address; none for `local`.
    pub address: Option<Address>,
    /// Method; `ident` on a local line is already turned into `peer`.
    pub method: Method,
    /// `name=value` options in the order written.
    pub options: Vec<(String, String)>,
    /// The line as written, continuations joined.
    pub text: String,
}

/// Why a line is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// PostgreSQL refuses it. It then refuses the whole file and keeps the rules it loaded before.
    Syntax,
    /// `@file`, or PostgreSQL 16's `include`, `include_if_exists`, `include_dir`: not followed here.
    Inclusion,
}

/// A line that is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// The line's number, counted as in [`Rule::line`].
    pub line: u32,
    /// Which kind of error.
    pub kind: ErrorKind,
    /// What is wrong, in words close to PostgreSQL's own.
    pub what: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A whole file. PostgreSQL loads it when there is no error and at least one rule; else a reload keeps the rules of before,
/// and a start fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HbaFile {
    /// The valid lines, in order.
    pub rules: Vec<Rule>,
    /// The others that are neither empty nor comments, in order.
    pub errors: Vec<LineError>,
}
