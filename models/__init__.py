"""The language of the project: domain types, sensor kinds and what is learnt from readings. Imports nothing of ours."""
