"""The made-up city's outline by hand: coast, lakes, canals, parks, districts and main roads, in the shape of Almere.

Kilometres east and north of 52.37 N 5.22 E. Districts and waters lie roughly where those of the real city lie; every line is
made up. Only the order of points carries meaning; curves are smoothed by whoever reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.plane import Plane, Points, smooth_curve

PLANE = Plane(latitude=52.37, longitude=5.22)
FRAME = (-7.7, -6.9, 7.3, 7.0)
"""West, south, east, north: where the map ends."""


@dataclass(frozen=True, slots=True)
class DistrictShape:
    """A district: into how many neighbourhoods its streets fall, and its share of the city's waste containers."""

    name: str
    outline: Points
    neighbourhoods: int
    container_share: float


@dataclass(frozen=True, slots=True)
class NamedShape:
    name: str
    points: Points


def _points(*pairs: tuple[float, float]) -> Points:
    return np.array(pairs, dtype=np.float64)


def _closed(name: str, *pairs: tuple[float, float]) -> NamedShape:
    return NamedShape(name, smooth_curve(_points(*pairs), closed=True))


def _line(name: str, *pairs: tuple[float, float]) -> NamedShape:
    return NamedShape(name, smooth_curve(_points(*pairs), closed=False))


# From the south-east along the Gooimeer to the bridge in the south-west, then along the IJmeer to the north-east.
_SOUTH_COAST = smooth_curve(
    _points((7.3, -6.3), (5.4, -5.95), (3.6, -5.5), (2.6, -5.3), (1.7, -5.35), (0.6, -5.0), (-0.4, -5.05), (-1.4, -4.85), (-2.4, -4.9),
            (-3.6, -4.75), (-4.8, -5.0), (-5.8, -5.15)),
    closed=False,
)  # fmt: skip
_WEST_COAST = smooth_curve(
    _points((-5.8, -5.15), (-6.3, -4.5), (-6.75, -3.7), (-6.55, -2.9), (-6.0, -2.2), (-5.75, -1.3), (-5.2, -0.4), (-4.4, 0.5), (-3.95, 1.5),
            (-3.2, 2.5), (-2.5, 3.4), (-1.5, 4.3), (0.0, 4.9), (2.0, 5.5), (4.4, 6.2), (6.4, 7.0)),
    closed=False,
)  # fmt: skip

_WEST, _SOUTH, _EAST, _NORTH = FRAME
LAND: Points = np.vstack((_SOUTH_COAST, _WEST_COAST[1:], _points((_EAST, _NORTH))))

WATERS: tuple[NamedShape, ...] = (
    NamedShape("IJmeer", np.vstack((_WEST_COAST, _points((_WEST, _NORTH), (_WEST, _SOUTH), (-5.8, _SOUTH))))),
    NamedShape("Gooimeer", np.vstack((_SOUTH_COAST, _points((-5.8, _SOUTH), (_EAST, _SOUTH))))),
    _closed("Weerwater", (-0.62, -0.58), (-0.1, -0.42), (0.45, -0.36), (0.95, -0.55), (1.12, -1.0), (0.9, -1.5), (0.3, -1.72), (-0.3, -1.55),
            (-0.55, -1.2), (-0.8, -0.95)),
    _closed("Noorderplassen", (-2.45, 2.15), (-1.9, 2.5), (-1.3, 2.42), (-0.95, 2.05), (-1.25, 1.68), (-1.7, 1.75), (-2.2, 1.72)),
    _closed("Leeghwaterplas", (0.95, 1.78), (1.4, 1.93), (2.0, 1.86), (2.2, 1.66), (1.7, 1.52), (1.15, 1.5)),
    _closed("Houtplas", (4.95, -3.35), (5.3, -3.3), (5.45, -3.55), (5.2, -3.75), (4.95, -3.65)),
    _closed("Havenkom", (0.1, -4.62), (0.42, -4.66), (0.5, -4.9), (0.2, -4.95), (0.02, -4.8)),
)  # fmt: skip
SEAS = ("IJmeer", "Gooimeer")

CANALS: tuple[NamedShape, ...] = (
    _line("Lage Vaart", (7.3, 4.1), (6.2, 3.35), (5.2, 2.95), (4.1, 2.95), (3.0, 2.75), (2.0, 2.72), (0.9, 2.7), (0.0, 2.4), (-1.0, 2.1)),
    _line("Noordersluis", (-2.4, 2.15), (-2.9, 2.3), (-3.25, 2.45)),
    _line("Hoge Vaart", (7.3, 1.0), (6.1, 0.55), (5.0, -0.15), (3.7, -0.95), (2.6, -1.85), (1.6, -2.25), (0.3, -2.3), (-1.0, -2.45),
          (-2.2, -2.6), (-2.75, -3.2), (-2.75, -4.0), (-2.65, -4.88)),
    _line("Stadsgracht", (0.9, -0.52), (1.1, 0.0), (1.15, 0.55), (1.05, 1.05), (1.3, 1.52)),
    _line("Westgracht", (-0.78, -0.92), (-1.35, -0.45), (-1.7, 0.2), (-1.62, 0.95), (-1.72, 1.74)),
    _line("Leeghwatergracht", (1.7, 1.9), (1.85, 2.3), (1.9, 2.72)),
    _line("Havengracht", (0.25, -4.65), (0.12, -4.2), (-0.2, -3.7), (-0.12, -3.1), (0.1, -2.3)),
    _line("Poortgracht", (-6.6, -3.15), (-5.8, -3.25), (-4.9, -3.05), (-4.0, -3.15), (-2.75, -3.3)),
    _line("Buitengracht", (4.55, 2.93), (4.45, 2.3), (4.7, 1.5), (4.85, 0.6), (5.0, -0.15)),
    _line("Houtgracht", (3.0, -1.55), (3.7, -2.25), (4.5, -2.75), (5.0, -3.4)),
)  # fmt: skip

PARKS: tuple[NamedShape, ...] = (
    _closed("Beatrixpark", (-0.75, 0.75), (-0.35, 0.95), (0.1, 0.85), (0.05, 0.55), (-0.4, 0.5)),
    _closed("Lumierepark", (1.25, -0.45), (1.6, -0.35), (1.8, -0.7), (1.5, -1.15), (1.22, -1.2)),
    _closed("Kruidenpark", (-2.75, 0.35), (-2.4, 0.55), (-2.2, 0.3), (-2.5, 0.1)),
    _closed("Meridiaanpark", (3.5, 3.25), (3.95, 3.5), (4.35, 3.4), (4.2, 3.15), (3.7, 3.1)),
    _closed("Havenpark", (0.55, -3.5), (0.95, -3.35), (1.2, -3.6), (0.95, -3.9), (0.6, -3.8)),
    _closed("Cascadepark", (-5.35, -2.75), (-4.95, -2.6), (-4.7, -2.75), (-5.0, -2.92)),
    _closed("Pampushout", (-5.3, -1.2), (-4.5, -0.2), (-3.75, 0.6), (-3.6, -0.2), (-3.75, -1.1), (-4.5, -1.55)),
    _closed("Kromslootpark", (-3.3, -1.6), (-1.4, -1.5), (-1.35, -2.3), (-2.4, -2.4), (-2.95, -2.6), (-3.45, -2.2)),
    _closed("Cirkelbos", (-2.55, -3.9), (-1.9, -3.85), (-1.7, -4.6), (-2.4, -4.7)),
    _closed("Almeerderhout", (2.3, -2.3), (2.9, -2.1), (3.0, -3.0), (2.8, -3.2), (2.35, -3.1)),
    _closed("Buitenhout", (4.6, 0.4), (4.6, -0.2), (3.9, -0.6), (3.3, -0.9), (2.9, -0.3), (3.2, 0.7), (3.9, 0.9)),
    _closed("Vogelbos", (2.4, -4.2), (3.2, -4.2), (4.4, -4.7), (4.6, -5.3), (3.4, -5.15), (2.5, -4.9)),
    _closed("Oostvaardersbos", (1.0, 4.3), (2.4, 4.2), (3.2, 4.75), (2.6, 5.3), (1.2, 4.95)),
)  # fmt: skip

DISTRICTS: tuple[DistrictShape, ...] = (
    DistrictShape(
        "Stad",
        _points((-3.3, -0.5), (-3.4, 0.5), (-2.8, 1.4), (-1.4, 1.55), (-0.2, 1.75), (0.7, 2.35), (2.0, 2.45), (2.75, 1.7), (2.85, 0.5),
                (2.3, -0.7), (1.6, -1.3), (0.2, -0.9), (-0.9, -1.0), (-2.2, -1.2)),
        11, 0.43,
    ),
    DistrictShape(
        "Haven",
        _points((-1.55, -3.0), (-0.5, -2.65), (0.8, -2.75), (1.75, -3.1), (2.0, -3.75), (2.45, -4.5), (1.9, -5.05), (0.9, -4.85), (-0.3, -4.8),
                (-1.0, -4.5), (-1.3, -3.8)),
        4, 0.15,
    ),
    DistrictShape(
        "Buiten",
        _points((2.8, 2.7), (3.0, 3.6), (3.6, 4.1), (4.7, 4.75), (5.8, 4.5), (6.35, 3.6), (6.0, 2.7), (6.3, 2.0), (5.5, 1.25), (4.2, 1.35),
                (3.3, 1.6)),
        7, 0.21,
    ),
    DistrictShape(
        "Poort",
        _points((-6.15, -4.35), (-6.45, -3.6), (-6.1, -2.7), (-5.5, -1.95), (-4.5, -1.75), (-3.75, -2.1), (-3.85, -2.9), (-3.4, -3.6),
                (-3.8, -4.35), (-4.8, -4.5), (-5.6, -4.8)),
        5, 0.13,
    ),
    DistrictShape(
        "Hout",
        _points((3.35, -2.05), (3.9, -1.5), (5.2, -1.3), (6.2, -1.75), (6.25, -2.5), (5.75, -3.0), (5.9, -3.9), (5.0, -4.35), (4.0, -4.05),
                (3.25, -3.7), (3.0, -2.8)),
        4, 0.08,
    ),
)  # fmt: skip

MAIN_ROADS: tuple[NamedShape, ...] = (
    _line("Havendreef", (-0.95, 0.5), (-1.0, -0.3), (-1.12, -1.2), (-0.95, -2.0), (-0.75, -2.8), (-0.6, -3.6), (-0.55, -4.3)),
    _line("Weerwaterdreef", (1.75, 0.6), (1.95, -0.5), (1.75, -1.4), (1.4, -2.1), (1.15, -2.9), (0.95, -3.2)),
    _line("Poortdreef", (-1.0, 0.1), (-2.2, -0.3), (-3.2, -1.1), (-3.9, -1.9), (-4.5, -2.9), (-4.7, -4.0)),
    _line("Gooimeerdreef", (-0.6, -3.75), (-1.7, -3.55), (-2.75, -3.7), (-3.7, -3.65), (-4.8, -3.85), (-5.6, -3.9)),
    _line("Evenaardreef", (0.2, 1.2), (0.75, 2.1), (1.6, 2.2), (2.6, 2.3), (3.4, 2.35), (4.4, 2.55), (5.5, 2.5)),
    _line("Buitendreef", (0.55, 0.35), (1.75, 0.6), (2.7, 0.95), (3.4, 1.6), (3.7, 2.4), (3.75, 3.6)),
    _line("Houtdreef", (1.85, -0.9), (2.6, -1.25), (3.45, -1.75), (4.0, -2.4), (4.2, -3.4)),
    _line("Vogeldreef", (1.3, -3.9), (2.2, -3.7), (2.9, -3.45), (3.6, -3.2), (4.5, -3.15)),
    _line("Waterlandsedreef", (4.0, 1.7), (4.15, 0.9), (4.55, 0.0), (4.75, -0.9), (4.75, -2.2)),
    _line("Centrumdreef", (-2.9, 0.75), (-1.7, 0.5), (-0.95, 0.5), (-0.2, 0.3), (0.55, 0.35)),
    _line("Noorderdreef", (-0.32, 1.1), (-0.4, 2.3), (0.2, 3.1), (1.2, 3.45), (2.2, 3.4), (3.1, 3.3)),
    _line("Pampusdreef", (-3.0, 0.6), (-2.75, 1.25), (-2.7, 2.3), (-1.8, 3.1), (-0.6, 3.1), (0.2, 3.1)),
)  # fmt: skip

DEPOT_AT = (0.75, 3.42)
DISPOSAL_SITES_AT = (("Afvaloverslag De Vaart", (1.75, 3.52)), ("Afvaloverslag Poort-Zuid", (-3.25, -3.62)))
