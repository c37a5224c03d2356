"""The file of a what-if on recorded history that says where containers stand."""

from __future__ import annotations

from pathlib import Path

from experiments.whatif.recorded import Place
from models.domain.failures import UserError
from stadspuls.csv_lines import csv_lines

USUAL_CAPACITY_L = 4500.0
COLUMNS, OPTIONAL_COLUMNS = ("container_id", "latitude", "longitude"), ("capacity_l", "district")


def read_places(path: Path) -> dict[str, Place]:
    """Places by container id; `capacity_l` and `district` may be missing. Raises `UserError` naming the line."""
    return {row["container_id"].strip(): _place(path, line, row) for line, row in csv_lines(path, COLUMNS, OPTIONAL_COLUMNS)}


def _place(path: Path, line: int, row: dict[str, str]) -> Place:
    try:
        latitude, longitude = float(row["latitude"]), float(row["longitude"])
        capacity = float(row.get("capacity_l") or USUAL_CAPACITY_L)
    except ValueError as error:
        raise UserError(f"{path}:{line}: latitude, longitude and capacity_l must be numbers, like 52.37,5.22,4500") from error
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180 and capacity > 0):
        raise UserError(f"{path}:{line}: latitude must lie in -90..90, longitude in -180..180, and capacity_l over 0")
    return Place(latitude, longitude, capacity, row.get("district") or "all")
