"""Keeps what is stored within its retention, as a service."""
