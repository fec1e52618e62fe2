// Publishes once with mqtt.js and says how it went: node mqttjs_pub.cjs HOST PORT CA CERTIFICATE KEY 1.2|1.3.
const fs = require("fs");
const mqtt = require("mqtt");

const [host, port, ca, cert, key, version] = process.argv.slice(2);
const client = mqtt.connect({
  protocol: "mqtts", host, port: Number(port), clientId: "mqttjs", reconnectPeriod: 0,
  ca: fs.readFileSync(ca), cert: fs.readFileSync(cert), key: fs.readFileSync(key),
  minVersion: `TLSv${version}`, maxVersion: `TLSv${version}`,
});
let acknowledged = false;
client.on("connect", () => client.publish("a/b", "hello", { qos: 1 }, (error) => {
  acknowledged = !error;
  client.end();
}));
client.on("error", (error) => console.error(error.message));
client.on("close", () => process.exit(acknowledged ? 0 : 1));
