"""Uses the broker as applications do, through paho-mqtt 2: python paho_client.py PORT CA CERTIFICATE KEY. Asserts, then prints "all good"."""

import queue
import ssl
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

PORT, CA, CERTIFICATE, KEY = int(sys.argv[1]), *sys.argv[2:5]
PATIENCE = 15


class Client:
    """A connected client whose callbacks fill queues that the checks wait at."""

    def __init__(self, name, version, keepalive=60, clean=True, will=None, expiry=None):
        self.version = version
        self.connected, self.messages, self.acks, self.gone = (queue.Queue() for _ in range(4))
        v5 = version == mqtt.MQTTv5
        self.paho = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=version, reconnect_on_failure=False,
            **({} if v5 else {"clean_session": clean}),
        )
        self.paho.tls_set(CA, CERTIFICATE, KEY, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.paho.on_connect = lambda _c, _u, flags, reason, properties: self.connected.put((flags, reason, properties))
        self.paho.on_message = lambda _c, _u, message: self.messages.put(message)
        self.paho.on_subscribe = lambda _c, _u, _mid, reasons, _p: self.acks.put(reasons)
        self.paho.on_unsubscribe = lambda _c, _u, _mid, reasons, _p: self.acks.put(reasons)
        self.paho.on_publish = lambda _c, _u, mid, reason, _p: self.acks.put(reason)
        self.paho.on_disconnect = lambda _c, _u, _flags, reason, _p: self.gone.put(reason)
        if will:
            self.paho.will_set(*will)
        arguments = {}
        if v5:
            arguments["clean_start"] = clean
            if expiry is not None:
                arguments["properties"] = Properties(PacketTypes.CONNECT)
                arguments["properties"].SessionExpiryInterval = expiry
        self.paho.connect("127.0.0.1", PORT, keepalive, **arguments)
        self.paho.loop_start()
        self.flags, reason, self.properties = self.connected.get(timeout=PATIENCE)
        assert not reason.is_failure, reason

    def subscribe(self, topic, qos, **options):
        if options:
            self.paho.subscribe(topic, options=SubscribeOptions(qos=qos, **options))
        else:
            self.paho.subscribe(topic, qos)
        return self.acks.get(timeout=PATIENCE)[0]

    def publish(self, topic, payload, qos, retain=False):
        self.paho.publish(topic, payload, qos, retain)
        return self.acks.get(timeout=PATIENCE)

    def receive(self):
        message = self.messages.get(timeout=PATIENCE)
        return message.topic, message.payload, message.qos, message.retain

    def close(self):
        self.paho.disconnect()
        self.gone.get(timeout=PATIENCE)
        self.paho.loop_stop()


def publish_and_subscribe(version):
    client = Client("both", version)
    assert client.subscribe("a/#", 2).value == 2
    for qos in (0, 1, 2):
        for payload in (b"", b"x", b"\0\xff" * 40_000):
            client.publish("a/b", payload, qos)
            assert client.receive() == ("a/b", payload, qos, False)
    client.paho.unsubscribe(["a/#", "never"])
    reasons = client.acks.get(timeout=PATIENCE)
    if version == mqtt.MQTTv5:
        assert [reason.value for reason in reasons] == [0, 0x11], reasons
        assert client.publish("a/b", b"nobody", 1).value == 0x10
    client.close()


def wills(version):
    watcher = Client("watcher", version)
    watcher.subscribe("gone/+", 1)
    device = Client("device", version, will=("gone/device", b"bye", 1, False))
    device.paho.socket().close()
    assert watcher.receive() == ("gone/device", b"bye", 1, False)
    device.paho.loop_stop()
    watcher.close()


def takeover(version):
    first = Client("same", version)
    second = Client("same", version)
    reason = first.gone.get(timeout=PATIENCE)
    if version == mqtt.MQTTv5:
        assert reason.value == 0x8E, reason
    first.paho.loop_stop()
    second.close()


def persistent_session(version):
    expiry = 60 if version == mqtt.MQTTv5 else None
    reader = Client("reader", version, clean=False, expiry=expiry)
    assert not reader.flags.session_present
    reader.subscribe("queue", 2)
    reader.close()
    writer = Client("writer", version)
    for number in range(5):
        writer.publish("queue", str(number), 2)
    writer.close()
    reader = Client("reader", version, clean=False, expiry=expiry)
    assert reader.flags.session_present
    assert [reader.receive()[1] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    reader.close()
    reader = Client("reader", version, clean=True)
    assert not reader.flags.session_present
    reader.close()


def keep_alive(version):
    """A client that stops talking is sent away after one and a half times its keep-alive."""
    watcher = Client("watcher", version)
    watcher.subscribe("gone/+", 0)
    silent = Client("silent", version, keepalive=1, will=("gone/silent", b"late", 0, False))
    silent.paho.loop_stop()
    started = time.monotonic()
    assert watcher.receive() == ("gone/silent", b"late", 0, False)
    assert 0.5 < time.monotonic() - started < 5
    watcher.close()


def version_5_only():
    nameless = Client("", mqtt.MQTTv5)
    assert nameless.properties.AssignedClientIdentifier
    assert nameless.properties.SubscriptionIdentifierAvailable == 0
    assert nameless.properties.SharedSubscriptionAvailable == 0
    assert nameless.subscribe("$share/group/a", 1).value == 0x9E
    assert nameless.subscribe("secret/a", 1).value == 0x87
    assert nameless.publish("secret/a", b"x", 1).value == 0x87
    nameless.subscribe("own", 0, noLocal=True)
    nameless.subscribe("end", 0)
    nameless.publish("own", b"x", 0)
    nameless.publish("end", b"x", 0)
    assert nameless.receive()[0] == "end"
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = [("a", "1"), ("b", "2")]
    properties.ContentType, properties.ResponseTopic, properties.CorrelationData = "text/plain", "answer", b"7"
    nameless.paho.publish("end", b"x", 0, properties=properties)
    received = nameless.messages.get(timeout=PATIENCE).properties
    assert received.UserProperty == [("a", "1"), ("b", "2")]
    assert (received.ContentType, received.ResponseTopic, received.CorrelationData) == ("text/plain", "answer", b"7")
    nameless.close()


for version in (mqtt.MQTTv311, mqtt.MQTTv5):
    for check in (publish_and_subscribe, wills, takeover, persistent_session, keep_alive):
        check(version)
version_5_only()
print("all good")
