"""Tests of processors.plan."""
