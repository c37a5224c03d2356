"""Frozen types for everything that crosses a boundary. Import each from its own module."""
