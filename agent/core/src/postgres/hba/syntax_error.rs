//! What can be wrong with a line, in words close to PostgreSQL's own (hba.c).

use super::model::ErrorKind;
use thiserror::Error;

/// Why a line is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum HbaSyntaxError {
    #[error("authentication file token too long")]
    TokenTooLong,
    #[error("the file \"{0}\" is not followed")]
    FileNotFollowed(String),
    #[error("\"{0}\" is not followed (and PostgreSQL before 16 refuses it)")]
    DirectiveNotFollowed(String),
    #[error("end-of-line before {0}")]
    EndOfLine(&'static str),
    #[error("multiple values specified for {0}")]
    MultipleValues(&'static str),
    #[error("invalid connection type \"{0}\"")]
    ConnectionType(String),
    #[error("specifying both host name and CIDR mask is invalid: \"{0}\"")]
    NameWithMask(String),
    #[error("invalid CIDR mask in address \"{0}\"")]
    CidrMask(String),
    #[error("invalid IP mask \"{0}\"")]
    IpMask(String),
    #[error("IP address and mask do not match")]
    MaskOfOtherFamily,
    #[error("{0} authentication is only supported on local sockets")]
    LocalOnly(&'static str),
    #[error("{0} authentication is not supported on local sockets")]
    NotLocal(&'static str),
    #[error("cert authentication is only supported on hostssl connections")]
    CertWithoutSsl,
    #[error("invalid authentication method \"{0}\"")]
    Method(String),
    #[error("invalid authentication method \"{0}\": this server's version does not know it")]
    MethodOfOtherVersion(String),
    #[error("invalid authentication method \"{0}\": not supported by this build")]
    MethodNotBuilt(String),
    #[error("authentication option not in name=value format: {0}")]
    NotNameValue(String),
    #[error("unrecognized authentication option name: \"{0}\"")]
    OptionName(String),
    #[error("authentication option \"{name}\" is only valid for authentication methods {methods}")]
    OptionOfOtherMethod { name: String, methods: &'static str },
    #[error("{0} can only be configured for \"hostssl\" rows")]
    NeedsHostSsl(String),
    #[error("clientcert can only be set to \"verify-full\" when using \"cert\" authentication")]
    CertNeedsVerifyFull,
    #[error("invalid value for {name}: \"{value}\"")]
    OptionValue { name: String, value: String },
    #[error("invalid {0} port number: \"{1}\"")]
    Port(&'static str, String),
    #[error("could not parse LDAP URL \"{0}\"")]
    LdapUrl(String),
    #[error("cannot use {0} together with {1}")]
    Together(String, &'static str),
    #[error(
        "authentication method \"ldap\" requires argument \"ldapbasedn\", \"ldapprefix\", or \"ldapsuffix\" to be set"
    )]
    LdapNeedsBase,
    #[error("authentication method \"radius\" requires argument \"{0}\" to be set")]
    RadiusNeeds(&'static str),
    #[error("list of {0} cannot be empty")]
    EmptyList(&'static str),
    #[error("the number of {name} ({count}) must be 1 or the same as the number of RADIUS servers ({servers})")]
    ListLength {
        name: &'static str,
        count: usize,
        servers: usize,
    },
}

impl HbaSyntaxError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            HbaSyntaxError::FileNotFollowed(_) | HbaSyntaxError::DirectiveNotFollowed(_) => ErrorKind::Inclusion,
            _ => ErrorKind::Syntax,
        }
    }
}
