"""The generated reference says what the code says."""

from __future__ import annotations

from models.domain.failures import DeadLetterReason
from stadspuls.reference_docs import REFERENCE, render


def test_the_reference_is_up_to_date() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == render(), "run: .venv/bin/python -m stadspuls.reference_docs"


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    text = render()
    assert all(f"| `{reason.value}` |" in text for reason in DeadLetterReason)
