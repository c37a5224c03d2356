"""Sparkplug B: its payload, and the session of edge nodes (births, aliases, sequence) that a host application has to keep."""
