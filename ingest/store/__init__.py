"""`store`: Kafka `telemetry.raw` → decode → readings, dead letters, offsets and ledger in one transaction."""
