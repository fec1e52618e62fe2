//! From what the layers know to the milestones of the timeline.

use crate::net::Side;
use crate::stream::Moment;
use crate::timeline::Milestones;
use crate::{mqtt, tcp, tls};

/// The moments at which a connection got further.
pub(super) fn milestones(
    tcp: &tcp::Facts,
    tls: Option<&tls::Facts>,
    mqtt: Option<&mqtt::Facts>,
    plaintext: bool,
) -> Milestones {
    let mut milestones = Milestones {
        syn: tcp.client.syns.first,
        syn_ack: tcp.server.syns.first,
        established: tcp.established,
        gone: gone(tcp),
        plaintext,
        ..Milestones::default()
    };
    if let Some(tls) = tls {
        add_tls(&mut milestones, tls);
    }
    if let Some(mqtt) = mqtt {
        add_mqtt(&mut milestones, mqtt, plaintext);
    }
    milestones
}

fn add_tls(milestones: &mut Milestones, tls: &tls::Facts) {
    milestones.client_hello = tls.client_hello_began;
    milestones.server_hello = tls.server_hello_at;
    let flight_is_complete =
        tls.client_flight_began.is_some() || tls.finished.server.is_some() || tls.history.as_str().contains('n');
    milestones.server_flight = tls.server_flight_ended.filter(|_| flight_is_complete);
    milestones.client_flight = tls.client_flight_began;
    milestones.finished = match (tls.finished.client, tls.finished.server) {
        (Some(client), Some(server)) => Some(client.at.max(server.at)),
        _ => None,
    };
    milestones.first_client_data = tls.first_application.client.map(|mark| mark.at);
    milestones.first_server_data = tls.first_application.server.map(|mark| mark.at);
}

/// What MQTT knows is more exact than "application data": it has told packets from what only looks like them.
fn add_mqtt(milestones: &mut Milestones, mqtt: &mqtt::Facts, plaintext: bool) {
    if plaintext || mqtt.connect_at.is_some() {
        milestones.first_client_data = mqtt.connect_at;
        milestones.first_server_data = mqtt.connack_at;
    }
    milestones.session = mqtt.first_after_connack;
    milestones.first_ack = mqtt.first_ack;
}

/// When nothing more could come: a reset that counts, or the later of two FINs that were acknowledged.
fn gone(tcp: &tcp::Facts) -> Option<Moment> {
    let resets = Side::BOTH.into_iter().filter_map(|side| tcp.side(side).reset.filter(tcp::Reset::closes));
    resets.map(|reset| reset.at).min().or_else(|| {
        let (client, server) = (tcp.client.fin?, tcp.server.fin?);
        Some(client.at.max(server.at))
    })
}
