"""Tests of processors.routing."""
