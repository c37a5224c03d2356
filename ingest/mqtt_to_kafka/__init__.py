"""MQTT → Kafka: forwards the bytes, and acknowledges a message to MQTT only when Kafka has it."""
