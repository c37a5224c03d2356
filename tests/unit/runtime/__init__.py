"""Unit tests of what every service needs."""
