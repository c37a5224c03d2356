"""The files shown in docs/registry.md can be imported as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from models.domain.registry import FRACTIONS
from storage.registry_checks import check_registry
from storage.registry_content import SECTIONS
from storage.registry_files import read_registry_files
from storage.registry_geojson import MAP_FEATURE_TYPES

PAGE = Path(__file__).parents[3] / "docs" / "registry.md"


def test_the_files_shown_are_a_registry_without_mistakes(tmp_path: Path) -> None:
    blocks = re.findall(r"```(geojson|csv)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for number, (suffix, text) in enumerate(blocks):
        (tmp_path / f"{number}.{suffix}").write_text(text, encoding="utf-8")
    content, mistakes, paths = read_registry_files([tmp_path])
    assert len(paths) == 5
    assert mistakes + check_registry(content, device_models=None) == []
    assert all(content.items[section.name] for section in SECTIONS), "each sort of entry is shown"


def test_every_fraction_and_map_feature_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in (*FRACTIONS, *MAP_FEATURE_TYPES))
