"""Unit tests of `ingest.mqtt_to_kafka`."""
