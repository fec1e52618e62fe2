//! Records for which there are keys: the connection of RFC 8448, 3, byte for byte.

use super::{CLIENT_HELLO, Lab, SERVER_HELLO, bytes, handshake};
use crate::net::Side;
use crate::stream::Chunk;
use crate::tls::facts::ClientCertificate;
use crate::tls::keylog::KeyLog;

const CLIENT_RANDOM: &str = "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7";

const HANDSHAKE_SECRETS: [(&str, &str); 2] = [
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"),
    ("SERVER_HANDSHAKE_TRAFFIC_SECRET", "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"),
];
const APPLICATION_SECRETS: [(&str, &str); 2] = [
    ("CLIENT_TRAFFIC_SECRET_0", "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"),
    ("SERVER_TRAFFIC_SECRET_0", "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"),
];

fn lines(secrets: &[(&str, &str)]) -> String {
    let lines = secrets.iter().map(|(label, secret)| [label, CLIENT_RANDOM, secret].join(" "));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// The hellos of a connection whose secrets are known.
fn keyed() -> Lab {
    let mut lab = Lab::new();
    lab.key_log = Some(key_log());
    lab.client(&handshake(CLIENT_HELLO)).server(&handshake(SERVER_HELLO));
    lab
}

fn key_log() -> KeyLog {
    let mut key_log = KeyLog::new();
    key_log.add_text(lines(&HANDSHAKE_SECRETS).as_bytes());
    key_log.add_text(lines(&APPLICATION_SECRETS).as_bytes());
    key_log
}

#[test]
fn a_whole_connection_is_read() {
    let mut lab = keyed();
    lab.server(&bytes(SERVER_FLIGHT)).client(&bytes(CLIENT_FINISHED)).server(&bytes(NEW_SESSION_TICKET));
    lab.client(&bytes(CLIENT_RECORD)).server(&bytes(SERVER_RECORD));
    lab.client(&bytes(CLIENT_ALERT)).server(&bytes(SERVER_ALERT)).close(Side::Client).close(Side::Server);
    assert_eq!(
        &lab.details()[2..],
        [
            "server encrypted_extensions",
            "server certificate CN=rsa, self-signed, RSA 1024",
            "server certificate_verify rsa_pss_rsae_sha256",
            "server finished",
            "client finished",
            "server new_session_ticket good for 30 s, 178 bytes",
            "client application_data 50 bytes",
            "server application_data 50 bytes",
            "client alert warning close_notify (0)",
            "server alert warning close_notify (0)",
        ]
    );
    assert!(lab.seen.events.iter().all(|(seen, _)| seen.basis.is_observed()));
    let payload: Vec<u8> = (0..50).collect();
    assert_eq!(lab.seen.plaintext, [(Side::Client, payload.clone()), (Side::Server, payload)]);
    let facts = lab.facts();
    assert_eq!(facts.history.as_str(), "CsoxyfFtDdLl");
    assert_eq!(facts.client_certificate.0, ClientCertificate::NotRequested);
    assert!(facts.decrypted && facts.is_established() && facts.server_accepted.is_some());
    assert!(facts.alerts.iter().all(|alert| alert.encrypted && alert.basis.is_observed()));
    assert_eq!(facts.not_opened, 0);
}

#[test]
fn what_stays_closed_is_judged_by_its_looks() {
    let mut lab = keyed();
    let mut flight = bytes(SERVER_FLIGHT);
    flight[100] ^= 1;
    lab.server(&flight).client(&bytes(CLIENT_FINISHED)).client(&bytes(CLIENT_RECORD));
    assert_eq!(
        &lab.told()[2..],
        ["3 server encrypted_handshake likely", "4 client finished observed", "5 client application_data observed",]
    );
    assert_eq!(lab.facts().not_opened, 1);
}

#[test]
fn secrets_may_come_late() {
    let mut lab = Lab::new();
    lab.key_log = Some(KeyLog::new());
    lab.client(&handshake(CLIENT_HELLO)).server(&handshake(SERVER_HELLO));
    lab.server(&bytes(SERVER_FLIGHT)).client(&bytes(CLIENT_FINISHED)).server(&bytes(NEW_SESSION_TICKET));
    lab.key_log = Some(key_log());
    lab.client(&bytes(CLIENT_RECORD)).server(&bytes(SERVER_RECORD));
    lab.client(&bytes(CLIENT_ALERT)).server(&bytes(SERVER_ALERT));
    assert_eq!(
        &lab.told()[2..],
        [
            "3 server encrypted_handshake likely",
            "4 client finished likely",
            "5 server new_session_ticket likely",
            "6 client application_data observed",
            "7 server application_data observed",
            "8 client alert observed",
            "9 server alert observed",
        ]
    );
}

#[test]
fn secrets_may_come_in_steps() {
    let mut lab = Lab::new();
    let mut key_log = KeyLog::new();
    key_log.add_text(lines(&HANDSHAKE_SECRETS).as_bytes());
    lab.key_log = Some(key_log);
    lab.client(&handshake(CLIENT_HELLO)).server(&handshake(SERVER_HELLO));
    lab.server(&bytes(SERVER_FLIGHT)).client(&bytes(CLIENT_FINISHED));
    lab.key_log.as_mut().unwrap().add_text(lines(&APPLICATION_SECRETS).as_bytes());
    // The first record finds out, the ones behind it are read.
    lab.server(&bytes(NEW_SESSION_TICKET)).server(&bytes(SERVER_RECORD)).client(&bytes(CLIENT_RECORD));
    assert_eq!(lab.seen.plaintext.len(), 2);
    assert_eq!(lab.facts().not_opened, 1);
}

#[test]
fn a_gap_in_a_record_is_a_gap_in_the_data() {
    let mut lab = keyed();
    lab.server(&bytes(SERVER_FLIGHT)).client(&bytes(CLIENT_FINISHED));
    let record = bytes(CLIENT_RECORD);
    lab.client(&record[..20]).chunk(Side::Client, Chunk::Gap(52)).client(&bytes(CLIENT_ALERT));
    assert_eq!(lab.seen.gaps, 1);
    assert_eq!(lab.details().last().map(String::as_str), Some("client alert warning close_notify (0)"));
}

const CLIENT_FINISHED: &str = "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d726\
    c40546";
const CLIENT_RECORD: &str = "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292\
    a2977014bd1e3deae63aeebb21694915e4";
const SERVER_RECORD: &str = "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0\
    a21c0047c2abf332540dd032e167c2955d";
const CLIENT_ALERT: &str = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
const SERVER_ALERT: &str = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";
const NEW_SESSION_TICKET: &str = "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a015940252f5571\
    3e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b981be\
    63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac\
    87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779\
    b37bf15985684f";
const SERVER_FLIGHT: &str = "17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca07612ef9f945cb\
    960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13bd9aefb0e57f271585b8ea9bb355c\
    7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c7d0e509289444c9b3a648f1d71035d2ed65b0e3cdd\
    0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd610928d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70a2559c09\
    ead686945ba246ab66e5edd8044b4c6de3fcf2a89441ac66272fd8fb330ef8190579b3684596c960bd596eea520a56a8d650f563aad274\
    09960dca63d3e688611ea5e22f4415cf9538d51a200c27034272968a264ed6540c84838d89f72c24461aad6d26f59ecaba9acbbb317b66\
    d902f4f292a36ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31c7a84dc3bd7e1b\
    7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052cf93b16499a66db7c\
    ca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe5a37668936b335583b599186dc5c69\
    18a396fa48a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999b\
    bf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de9\
    3b5b845e275592c12335ee340bbc4fddd502784016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3794e44f94df5a631ede42c17\
    19bfdabf0253fe5175be898e750edc53370d2b";
