"""The generated page of formats says what the code says, and every format says what is easily read wrong in it."""

from __future__ import annotations

from ingest.codecs import CODECS
from ingest.envelopes import ENVELOPES
from stadspuls.formats_docs import FORMATS, render


def test_the_page_is_up_to_date() -> None:
    assert FORMATS.read_text(encoding="utf-8") == render(), "run: .venv/bin/python -m stadspuls.reference_docs"


def test_every_format_has_its_traps_in_whole_sentences() -> None:
    traps = {item.name: item.traps for item in CODECS} | {item.name: item.traps for item in ENVELOPES}
    for name, sentences in traps.items():
        assert sentences, f"{name} names no trap"
        assert all(sentence.endswith(".") for sentence in sentences), name
