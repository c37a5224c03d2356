"""The packages that this program runs with, as its lock file pins them: a plan made under others is not made again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DISTRIBUTION = "stadspuls"


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    found = {"python": platform.python_version()}
    waiting = [DISTRIBUTION]
    while waiting:
        name = str(canonicalize_name(waiting.pop()))
        if name in found:
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # an optional part of a package that this platform does not have
        found[name] = installed.version
        for text in installed.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(needed.name)
    return tuple(sorted(found.items()))


def installed_versions() -> dict[str, str]:
    """Name → version of Python, of this program and of all that it needs, however far away."""
    return dict(_versions())


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What was pinned differently, in words."""
    return [
        f"{name} was {then.get(name, 'not there')} and is {now.get(name, 'not there')}"
        for name in sorted(set(then) | set(now))
        if then.get(name) != now.get(name)
    ]
