"""Made-up street and neighbourhood names in the manner of a Dutch new town. No name means a real street."""

from __future__ import annotations

import numpy as np

_THEMES: dict[str, tuple[str, ...]] = {
    "Stad": (
        "Cello", "Fluit", "Hobo", "Trompet", "Mandoline", "Viool", "Spinet", "Basilicum", "Kervel", "Lavas", "Tijm", "Bieslook", "Montage",
        "Regie", "Scenario", "Decor", "Sonnet", "Ballade", "Rondeel", "Novelle", "Kwatrijn", "Elegie", "Saffraan", "Anijs", "Klavier",
        "Octaaf", "Cantate", "Ouverture", "Venkel", "Komijn",
    ),
    "Haven": (
        "Schoener", "Kotter", "Tjalk", "Botter", "Aak", "Loods", "Anker", "Boei", "Steven", "Roer", "Kiel", "Fok", "Giek", "Reep", "Meent",
        "Werf", "Hoek", "Gouw", "Sluis", "Wierde",
    ),
    "Buiten": (
        "Merel", "Kievit", "Wulp", "Tureluur", "Grutto", "Karekiet", "Azuur", "Oker", "Purper", "Indigo", "Karmijn", "Amber", "Lente",
        "Zomer", "Herfst", "Dauw", "Nevel", "Rijp", "Seizoen", "Zonne", "Regen", "Molen", "Eiland", "Oever", "Bloesem",
    ),
    "Poort": (
        "Duin", "Strand", "Kust", "Helm", "Schelp", "Zand", "Parel", "Horizon", "Discus", "Speer", "Marathon", "Estafette", "Arena",
        "Europa", "Homerus", "Zeus", "Hera", "Argo", "Olympus", "Delphi",
    ),
    "Hout": (
        "Eiken", "Beuken", "Essen", "Linden", "Hazelaar", "Meidoorn", "Vlier", "Sleedoorn", "Kornoelje", "Els", "Popel", "Wilgen", "Varen",
        "Mos", "Heide", "Klaver", "Akker", "Oogst", "Boomgaard", "Gaard",
    ),
}  # fmt: skip
_LOCAL_ENDINGS = ("straat", "laan", "pad", "hof", "plantsoen", "weg", "singel", "kade")
_DISTRIBUTOR_ENDINGS = ("weg", "ring", "allee", "dreef")
_NEIGHBOURHOOD_ENDINGS = ("wijk", "buurt", "kwartier", "park")


class Namer:
    """Gives each road of a district a name that no other road has."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._used: set[str] = set()

    def street(self, district: str, *, local: bool) -> str:
        return self._new(district or "Stad", _LOCAL_ENDINGS if local else _DISTRIBUTOR_ENDINGS)

    def neighbourhood(self, district: str) -> str:
        return self._new(district, _NEIGHBOURHOOD_ENDINGS)

    def _new(self, district: str, endings: tuple[str, ...]) -> str:
        words = _THEMES[district]
        for _ in range(300):
            name = words[self._rng.integers(len(words))] + endings[self._rng.integers(len(endings))]
            if name not in self._used:
                self._used.add(name)
                return name
        name = f"{words[0]}{endings[0]} {len(self._used)}"
        self._used.add(name)
        return name
