
// What is known of each protocol, as lists of terms; certificates; the display filter.

function facts(connection) {
  const blocks = [tlsFacts(connection.tls), mqttFacts(connection.mqtt), tcpFacts(connection)];
  return [el("section", { class: "facts-grid" }, blocks), el("section", { class: "chains" }, certificates(connection.tls))];
}

/** A list of terms without those that nothing is known of. */
function terms(title, pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value.length !== 0);
  if (known.length === 0) return null;
  return el("div", { class: "terms" }, el("h4", {}, title),
    el("dl", {}, known.map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)])));
}

const yes = (value) => (value === null || value === undefined ? null : value ? "yes" : "no");
const both = (sides, show) => (sides.client === null && sides.server === null ? null
  : `client ${show(sides.client ?? "–")}, server ${show(sides.server ?? "–")}`);

function tcpFacts(connection) {
  const tcp = connection.tcp;
  const some = (number) => (number > 0 ? count(number) : null);
  const again = tcp.retransmissions;
  return terms("TCP", [
    ["client", `${connection.client.address}:${connection.client.port}`],
    ["server", `${connection.server.address}:${connection.server.port}`],
    ["frames", count(connection.frames)],
    ["payload", `client ${size(connection.bytes.client)}, server ${size(connection.bytes.server)}`],
    ["round trip", tcp.rtt && `${human(tcp.rtt.median)} (${human(tcp.rtt.min)} to ${human(tcp.rtt.max)})`],
    ["sent again", again.client + again.server > 0 ? both(again, count) : null],
    ["duplicate ACKs", some(tcp.duplicate_acks)],
    ["out of order", some(tcp.out_of_order)],
    ["window closed", some(tcp.zero_window)],
    ["not captured", tcp.missed_bytes > 0 ? size(tcp.missed_bytes) : null],
    ["segment size", both(tcp.mss, String)],
    ["captured", connection.vantage === "unknown" ? null : connection.vantage === "between" ? "on the path" : `beside the ${connection.vantage}`],
    ["history", tcp.history],
    ["completeness", String(tcp.completeness)],
  ]);
}

function tlsFacts(tls) {
  if (!tls) return null;
  const list = (items) => (items.length > 3 ? folded(`${items.length} offered`, items) : items.join(", "));
  return terms("TLS", [
    ["version", tls.version],
    ["offered", tls.offered_versions.join(", ")],
    ["cipher suite", tls.cipher],
    ["suites", list(tls.offered_ciphers)],
    ["group", tls.group],
    ["server name", tls.server_name],
    ["ALPN", tls.alpn],
    ["ALPN offered", tls.alpn_offered.join(", ")],
    ["resumed", yes(tls.resumed)],
    ["hello retry", tls.hello_retry ? "yes" : null],
    ["client certificate", tls.client_certificate.replace("-", " ")],
    ["alerts", tls.alerts.map((alert) => el("div", {},
      `${alert.by}: ${[alert.level, alert.description].filter(Boolean).join(" ") || "encrypted"}, frame ${frameText(alert.frame, alert.file)}`))],
    ["decrypted", yes(tls.decrypted)],
    ["JA4", tls.ja4],
    ["JA3", tls.ja3],
    ["history", tls.history],
  ]);
}

function mqttFacts(mqtt) {
  if (!mqtt) return null;
  const packets = (side) => Object.entries(mqtt.packets[side]).map(([kind, n]) => `${kind} ${count(n)}`).join(", ");
  const topics = mqtt.topics.map((topic) => `${topic.name} (${counted(topic.packets, "message")}, ${size(topic.bytes)})`);
  const code = mqtt.connack_code === null ? null : `${mqtt.connack_code} ${mqtt.connack_reason ?? ""}`;
  return terms("MQTT", [
    ["known", { decrypted: "decrypted", plaintext: "sent without TLS", inferred: "inferred from sizes" }[mqtt.source]],
    ["version", mqtt.version],
    ["client id", mqtt.client_id],
    ["user name", mqtt.username],
    ["keep alive", mqtt.keep_alive === null ? null : mqtt.keep_alive === 0 ? "off" : `${mqtt.keep_alive} s`],
    ["clean start", yes(mqtt.clean_start)],
    ["will", yes(mqtt.will)],
    ["CONNACK", code],
    ["session present", yes(mqtt.session_present)],
    ["client sent", packets("client")],
    ["server sent", packets("server")],
    ["acknowledged in", mqtt.ack_ms && `${human(mqtt.ack_ms.median)} (99 % in ${human(mqtt.ack_ms.p99)}, at most ${human(mqtt.ack_ms.max)})`],
    ["topics", topics.length > 3 ? folded(counted(topics.length, "topic"), topics) : topics.map((topic) => el("div", {}, topic))],
    ["disconnect", mqtt.disconnect_reason],
  ]);
}

function folded(title, items) {
  return el("details", {}, el("summary", {}, title), el("ul", {}, items.map((item) => el("li", {}, item))));
}

function certificates(tls) {
  const chain = (title, list) => list.length > 0 && el("div", { class: "terms certificates" }, el("h4", {}, title),
    list.map((certificate, at) => certificateFacts(certificate, at)));
  return tls && [chain("Server's certificates", tls.certificates.server), chain("Client's certificates", tls.certificates.client)];
}

function certificateFacts(certificate, at) {
  return el("details", { open: at === 0 }, el("summary", {}, certificate.subject),
    el("dl", {}, [
      ["issuer", certificate.issuer],
      ["valid", `${day(certificate.not_before)} to ${day(certificate.not_after)}`],
      ["names", certificate.names.join(", ")],
      ["key", certificate.key],
      ["signature", certificate.signature],
      ["serial", certificate.serial],
      ["SHA-256", certificate.sha256],
    ].filter(([, value]) => value).map(([term, value]) => [el("dt", {}, term), el("dd", {}, value)])));
}

function displayFilter(connection) {
  const expression = visible(connection.display_filter.wireshark);
  return el("div", { class: "filter" }, el("h4", {}, "In Wireshark"),
    el("code", { tabindex: "0" }, expression), copyButton(expression, "Copy filter"));
}
