"""The same services with Docker Compose: official images for the servers, one image of ours for the rest."""
