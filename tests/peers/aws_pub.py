"""Publishes once with the AWS IoT SDK for Python v2 and says how it went: python aws_pub.py HOST PORT CA CERTIFICATE KEY."""

import sys

from awscrt import mqtt
from awsiot import mqtt_connection_builder

HOST, PORT, CA, CERTIFICATE, KEY = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]

connection = mqtt_connection_builder.mtls_from_path(
    endpoint=HOST, port=PORT, ca_filepath=CA, cert_filepath=CERTIFICATE, pri_key_filepath=KEY, client_id="aws",
)
connection.connect().result(20)
published, _ = connection.publish("a/b", "hello", mqtt.QoS.AT_LEAST_ONCE)
published.result(20)
connection.disconnect().result(20)
