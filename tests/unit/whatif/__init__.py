"""Tests of the what-if experiments."""
