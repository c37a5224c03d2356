"""Tests of the decoders and of what else ingest does without servers."""
