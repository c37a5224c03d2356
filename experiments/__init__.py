"""Questions put to simulated or recorded cities: what would happen if."""
