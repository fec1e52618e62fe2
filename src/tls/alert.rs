//! Alerts (RFC 8446, 6; RFC 5246, 7.2): two bytes, level and description. The names are the registry's, verbatim.

use crate::pack::packed;
use std::fmt;

/// An alert that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert {
    /// How bad the sender says it is; in TLS 1.3 to be ignored.
    pub level: AlertLevel,
    /// What it says.
    pub description: AlertDescription,
}

packed! { struct Alert { level, description } }

impl Alert {
    /// Whether it ends the connection: in TLS 1.3 all but close_notify and user_canceled do, whatever the level says.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        let closure = [AlertDescription::CLOSE_NOTIFY, AlertDescription::USER_CANCELED].contains(&self.description);
        self.level == AlertLevel::FATAL && !closure
    }
}

/// `fatal unknown_ca (48)`.
impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.level, self.description, self.description.0)
    }
}

/// The level of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AlertLevel(pub u8);

packed! { struct AlertLevel(_) }

impl AlertLevel {
    /// The connection may go on.
    pub const WARNING: Self = Self(1);
    /// The connection ends.
    pub const FATAL: Self = Self(2);
}

impl fmt::Display for AlertLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::WARNING => f.pad("warning"),
            Self::FATAL => f.pad("fatal"),
            Self(other) => write!(f, "level {other}"),
        }
    }
}

/// The description of an alert (IANA "TLS Alerts").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertDescription(pub u8);

packed! { struct AlertDescription(_) }

macro_rules! descriptions {
    ($($constant:ident = $code:literal, $name:literal;)*) => {
        impl AlertDescription {
            $(#[doc = concat!("`", $name, "`.")] pub const $constant: Self = Self($code);)*

            /// The registry's name.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

descriptions! {
    CLOSE_NOTIFY = 0, "close_notify";
    UNEXPECTED_MESSAGE = 10, "unexpected_message";
    BAD_RECORD_MAC = 20, "bad_record_mac";
    DECRYPTION_FAILED = 21, "decryption_failed";
    RECORD_OVERFLOW = 22, "record_overflow";
    DECOMPRESSION_FAILURE = 30, "decompression_failure";
    HANDSHAKE_FAILURE = 40, "handshake_failure";
    NO_CERTIFICATE = 41, "no_certificate";
    BAD_CERTIFICATE = 42, "bad_certificate";
    UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
    CERTIFICATE_REVOKED = 44, "certificate_revoked";
    CERTIFICATE_EXPIRED = 45, "certificate_expired";
    CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
    ILLEGAL_PARAMETER = 47, "illegal_parameter";
    UNKNOWN_CA = 48, "unknown_ca";
    ACCESS_DENIED = 49, "access_denied";
    DECODE_ERROR = 50, "decode_error";
    DECRYPT_ERROR = 51, "decrypt_error";
    TOO_MANY_CIDS_REQUESTED = 52, "too_many_cids_requested";
    EXPORT_RESTRICTION = 60, "export_restriction";
    PROTOCOL_VERSION = 70, "protocol_version";
    INSUFFICIENT_SECURITY = 71, "insufficient_security";
    INTERNAL_ERROR = 80, "internal_error";
    INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback";
    USER_CANCELED = 90, "user_canceled";
    NO_RENEGOTIATION = 100, "no_renegotiation";
    MISSING_EXTENSION = 109, "missing_extension";
    UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
    CERTIFICATE_UNOBTAINABLE = 111, "certificate_unobtainable";
    UNRECOGNIZED_NAME = 112, "unrecognized_name";
    BAD_CERTIFICATE_STATUS_RESPONSE = 113, "bad_certificate_status_response";
    BAD_CERTIFICATE_HASH_VALUE = 114, "bad_certificate_hash_value";
    UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity";
    CERTIFICATE_REQUIRED = 116, "certificate_required";
    GENERAL_ERROR = 117, "general_error";
    NO_APPLICATION_PROTOCOL = 120, "no_application_protocol";
    ECH_REQUIRED = 121, "ech_required";
}

/// The registry's name, or `alert 200`.
impl fmt::Display for AlertDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "alert {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_prints_by_its_registered_name() {
        let shown = |level, description| {
            Alert { level: AlertLevel(level), description: AlertDescription(description) }.to_string()
        };
        assert_eq!(shown(2, 48), "fatal unknown_ca (48)");
        assert_eq!(shown(1, 0), "warning close_notify (0)");
        assert_eq!(shown(7, 200), "level 7 alert 200 (200)");
    }

    #[test]
    fn a_closure_alert_is_never_fatal() {
        let fatal = |description| Alert { level: AlertLevel::FATAL, description }.is_fatal();
        assert!(!fatal(AlertDescription::CLOSE_NOTIFY));
        assert!(fatal(AlertDescription::CERTIFICATE_REQUIRED));
    }
}
