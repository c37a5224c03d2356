"""`stadspuls registry correct` and `stadspuls redecode`, as a person types them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract import registry_of_containers as files
from tests.contract.registry_of_containers import LONG_AGO
from tests.integration.raw_topic import Line, own_payload, topic_of
from tests.integration.test_store_commands import MORNING, line, stadspuls

__all__ = ["line"]


@pytest.mark.slow
async def test_the_commands_print_what_they_put_right(line: Line, tmp_path: Path) -> None:
    sent = [(topic_of("s1"), own_payload(MORNING + timedelta(minutes=number), distance_mm=500.0)) for number in range(30)]
    await line.topic.send(sent)
    await line.handled(30)

    status, said = await stadspuls(line, "registry", "import", str(files.geometry(tmp_path, f"c-s1,{LONG_AGO},,2000,0")))
    assert status == 0, said
    since = (MORNING + timedelta(minutes=10)).isoformat()
    status, said = await stadspuls(line, "registry", "correct", "--from", since, "--dry-run")
    assert status == 0, said
    assert "container_fill: 20 readings looked at: 0 as they were, 20 changed, 0 taken away; 0 new" in said
    assert await line.count("SELECT count(*) FROM container_fill WHERE fill_ratio IS NOT NULL") == 0
    status, said = await stadspuls(line, "registry", "correct", "--from", since)
    assert status == 0, said
    assert "fill_ratio nothing → 0.75" in said
    assert "of c-s1, from " in said
    assert await line.count("SELECT count(*) FROM container_fill WHERE fill_ratio = 0.75") == 20
    status, said = await stadspuls(line, "registry", "correct", "--from", since)
    assert (status, said.strip()) == (0, "no stored reading comes out otherwise")

    status, said = await stadspuls(line, "redecode", "--since", "1d", "--kind", "container_fill")
    assert status == 0, said
    assert "container_fill: 30 readings looked at: 20 as they were, 10 changed, 0 taken away; 0 new" in said
    assert await line.count("SELECT count(*) FROM container_fill WHERE fill_ratio = 0.75") == 30
    assert await line.count("SELECT count(*) FROM correction WHERE finished_at IS NOT NULL") == 2

    status, said = await stadspuls(line, "redecode", "--since", "1d", "--kind", "tiredness")
    assert status == 2
    assert "there is no kind 'tiredness'" in said
