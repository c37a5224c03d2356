"""Compose's one-shot service `set-up`: access rights in Kafka, then schema, topics and the canary's registry entry.

Runs with the operator's settings (`python -m deploy.compose.set_up`) before any other service of ours starts; safe to run again.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys

from deploy.local import kafka_server
from deploy.local.set_up import SET_UP_COMMANDS
from runtime.settings import KafkaSettings, load


def main() -> None:
    """Raises, and so ends with status 1, at the first step that fails."""
    kafka = load(KafkaSettings, "operator")
    asyncio.run(kafka_server.grant(kafka.kafka_bootstrap, kafka.kafka_username, kafka.kafka_password.get_secret_value()))
    for command in SET_UP_COMMANDS:
        subprocess.run([sys.executable, "-m", "stadspuls", *command], check=True)


if __name__ == "__main__":
    main()
