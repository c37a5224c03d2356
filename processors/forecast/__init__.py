"""Readings → emptyings → inflow forecasts. One service; members share the things by partition."""
