"""Grafana's boards as code."""
