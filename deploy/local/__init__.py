"""The local stack: Mosquitto, Kafka and PostgreSQL as supervised local processes in a run directory, without Docker."""
