"""What limits collections, in the registry: windows, legal intervals and access of containers, breaks and caps of trucks, depots' hours."""

from __future__ import annotations

from storage.migrations.migration import Migration

_SQL = """
ALTER TABLE thing ADD COLUMN windows integer[], ADD COLUMN max_interval_days integer, ADD COLUMN max_truck_width_mm integer,
    ADD COLUMN max_truck_weight_kg integer;
COMMENT ON COLUMN thing.windows IS 'Pairs of seconds of the local day between which service of a container may start; null: any time.';
COMMENT ON COLUMN thing.max_interval_days IS 'The legal maximum between two collections of a container.';
ALTER TABLE truck ADD COLUMN width_mm integer, ADD COLUMN gross_weight_kg integer, ADD COLUMN break_earliest_s integer,
    ADD COLUMN break_latest_s integer, ADD COLUMN break_duration_s integer, ADD COLUMN break_required_from_s integer,
    ADD COLUMN max_shift_s integer, ADD COLUMN max_load_l_per_shift integer, ADD COLUMN max_stops_per_shift integer,
    ADD COLUMN cost_per_day double precision, ADD COLUMN disposal_sites text[];
COMMENT ON COLUMN truck.gross_weight_kg IS 'Permissible maximum mass as registered (F.2).';
ALTER TABLE depot ADD COLUMN opens_s integer, ADD COLUMN closes_s integer;
"""

MIGRATION = Migration(version=10, name="collection_limits", sql=_SQL, works_with=1)
