"""The one command: parses, wires services together, prints."""

import time

COMMAND_STARTED = time.monotonic()
"""Taken before anything heavy is imported: a limit in seconds bounds the whole command."""
