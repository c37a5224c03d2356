"""The one command: parses, wires services together, prints."""
