"""Alert rules for Prometheus; no code that runs."""
