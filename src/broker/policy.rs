//! Who may do what. Everything is allowed by default; what is denied shows what a refusal looks like on the wire.

use super::codec::{Connect, ConnectCode, Login, MqttVersion, ReasonCode};
use super::filter::{is_topic_name, matches};

/// Who may do what.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The versions of MQTT that are spoken.
    pub versions: Vec<MqttVersion>,
    /// The only user name and password that are let in.
    pub login: Option<Login>,
    /// Client ids that are refused as not authorized.
    pub denied_clients: Vec<String>,
    /// Topic filters that nobody may publish or subscribe to. Publishing there ends a connection of 3.1.1, as on AWS
    /// IoT.
    pub denied_topics: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        let versions = vec![MqttVersion::V311, MqttVersion::V5];
        Self { versions, login: None, denied_clients: Vec::new(), denied_topics: Vec::new() }
    }
}

impl Policy {
    /// The code of the CONNACK that refuses this client; None lets it in.
    pub(super) fn refusal(&self, connect: &Connect) -> Option<ConnectCode> {
        let version = connect.version;
        if !self.versions.contains(&version) {
            return Some(ConnectCode::unacceptable_version(version));
        }
        if connect.authentication_method.is_some() {
            return Some(ConnectCode(ReasonCode::BAD_AUTHENTICATION_METHOD.0));
        }
        // 3.1.3.1: a client of 3.1.1 without an id of its own has no session to come back to.
        if connect.client_id.is_empty() && version == MqttVersion::V311 && !connect.clean_start {
            return Some(ConnectCode::identifier_rejected(version));
        }
        if self.login.is_some() && self.login != connect.login {
            return Some(ConnectCode::bad_login(version));
        }
        let bad_will = connect.will.as_ref().is_some_and(|will| {
            let topic = &will.message.topic;
            !is_topic_name(topic) || self.denies_topic(topic)
        });
        (bad_will || self.denied_clients.contains(&connect.client_id)).then(|| ConnectCode::not_authorized(version))
    }

    /// Whether nobody may use this topic or filter.
    pub(super) fn denies_topic(&self, topic: &str) -> bool {
        self.denied_topics.iter().any(|denied| matches(denied, topic))
    }
}
