"""Publishes once and says how it went: python paho_pub.py HOST PORT CA CERTIFICATE KEY 1.2|1.3."""

import ssl
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

HOST, PORT, CA, CERTIFICATE, KEY, VERSION = sys.argv[1], int(sys.argv[2]), *sys.argv[3:7]

context = ssl.create_default_context(cafile=CA)
context.load_cert_chain(CERTIFICATE, KEY)
only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[VERSION]
context.minimum_version = context.maximum_version = only
client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="paho", reconnect_on_failure=False)
client.tls_set_context(context)
published = []
client.on_connect = lambda c, _u, _f, reason, _p: c.publish("a/b", "hello", 1) if not reason.is_failure else None
client.on_publish = lambda c, _u, _m, reason, _p: (published.append(reason), c.disconnect())
client.connect(HOST, PORT)
client.loop_forever()
sys.exit(0 if published else "nothing was acknowledged")
