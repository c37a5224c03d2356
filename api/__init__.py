"""The HTTP API for route planners and other systems, and the operations page. Reads the database and nothing else."""
