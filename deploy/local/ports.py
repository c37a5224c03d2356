"""Free loopback ports, kept from one start to the next so that addresses stay the same while they can."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

from deploy.local.processes import replace_file

LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 20_000, 31_999
"""Below the range that outgoing connections take their ports from: a server that restarts finds its port still free."""


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def choose_ports(path: Path, names: Sequence[str]) -> dict[str, int]:
    """A free port per name: the one remembered in `path` when it is free, else a new one. Remembers what it chose."""
    remembered: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    chosen: dict[str, int] = {}
    for name in names:
        port = remembered.get(name, 0)
        if not port or port in chosen.values() or not is_free(port):
            port = _free_port(set(chosen.values()) | set(remembered.values()))
        chosen[name] = port
    replace_file(path, json.dumps(chosen, indent=1))
    return chosen


def _free_port(taken: set[int]) -> int:
    for port in random.SystemRandom().sample(range(FIRST_PORT, LAST_PORT + 1), 500):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port between {FIRST_PORT} and {LAST_PORT} on {LOOPBACK}")
