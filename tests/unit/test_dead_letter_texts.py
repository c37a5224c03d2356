"""What the command says about dead letters, the ledger, and moments."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ingest.store.replay import ReplayReport
from models.domain.failures import DeadLetterReason, UserError
from stadspuls.commands.ledger import as_json, balanced, in_words
from stadspuls.dead_letter_texts import ADVICE, count_lines, hexdump, letter_lines, report_lines
from stadspuls.moments import moment_since
from storage.dead_letters import DeadLetter, Replay
from storage.ledger import LedgerTotals

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LETTER = DeadLetter(
    reason=DeadLetterReason.MALFORMED,
    detail="the JSON ends at byte 7",
    mqtt_topic="stadspuls/v1/c-1/readings",
    payload=b'{"v":1,\x00\xff',
    incarnation=UUID(int=1),
    partition=3,
    offset=99,
    received_at=NOW,
    headers={"dup": "0"},
    letter_id=12,
    payload_length=9,
)
TOTALS = LedgerTotals(
    messages_received=1000,
    messages_decoded=900,
    messages_without_reading=40,
    messages_dead_lettered=60,
    readings_decoded=905,
    readings_stored=800,
    readings_duplicate=100,
    readings_rejected=5,
    messages_replayed=0,
    readings_replayed=0,
    readings_corrected=0,
)


def test_every_reason_has_advice() -> None:
    assert ADVICE.keys() == set(DeadLetterReason)


def test_a_letter_shows_its_sentence_source_bytes_and_what_to_do() -> None:
    text = "\n".join(letter_lines(LETTER, [Replay(NOW, "range", "too far")], most_bytes=1024))
    for part in (
        "malformed",
        "the JSON ends at byte 7",
        "partition 3, offset 99",
        "dup: 0",
        "7b 22 76 22 3a 31 2c 00  ff",
        "What to do:",
    ):
        assert part in text
    assert "range, too far" in text


@pytest.mark.parametrize(
    ("reason", "words"), [(DeadLetterReason.PRIVACY, "personal data"), (DeadLetterReason.RANGE, "a replay reads them from Kafka")]
)
def test_a_letter_without_bytes_says_why(reason: DeadLetterReason, words: str) -> None:
    text = "\n".join(letter_lines(replace(LETTER, reason=reason, payload=None), [], most_bytes=16))
    assert words in text


def test_a_hexdump_shows_place_bytes_and_text() -> None:
    assert list(hexdump(bytes(range(60, 78)))) == [
        "  000000  3c 3d 3e 3f 40 41 42 43  44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK",
        "  000010  4c 4d                                             LM",
    ]


def test_counts_come_first_and_the_most_frequent_on_top() -> None:
    lines = list(count_lines({DeadLetterReason.CLOCK: 2, DeadLetterReason.RANGE: 1234}))
    assert [line.split() for line in lines] == [["1,236", "dead", "letters"], ["1,234", "range"], ["2", "clock"]]


def test_a_replay_says_what_is_stored_and_what_is_not() -> None:
    report = ReplayReport(Counter({"stored": 3, "clock": 2, "no_bytes": 1}), 2, 1)
    assert list(report_lines(report)) == [
        "6 dead letters replayed: 3 are stored now",
        "  readings: 2 new, 1 were stored before",
        "  2 are still clock",
        "  1 cannot be read any more: their bytes are gone",
    ]


def test_a_balanced_ledger_says_so_in_both_sums() -> None:
    lines = in_words(TOTALS, {"stadspuls_json": TOTALS}, 12, 0)
    assert lines[0] == "messages: 1,000 received = 900 decoded + 40 without reading + 60 dead-lettered: balanced"
    assert lines[1] == "readings: 905 decoded = 800 stored + 100 duplicate + 5 rejected: balanced"
    assert lines[2] == "in flight: 12 messages wait in Kafka"
    assert balanced(TOTALS)
    assert as_json(TOTALS, {}, None, 0)["balanced"] is True


def test_an_unbalanced_ledger_says_how_much_is_missing() -> None:
    totals = replace(TOTALS, messages_decoded=890, readings_stored=801)
    lines = in_words(totals, {}, None, 0)
    assert lines[0].endswith("NOT BALANCED, 10 messages are missing")
    assert lines[1].endswith("NOT BALANCED, 1 readings too many are accounted for")
    assert not balanced(totals)
    assert as_json(totals, {}, None, 0)["messages_imbalance"] == 10


def test_moments_are_ages_or_times_with_a_zone() -> None:
    assert moment_since("90m", NOW) == NOW - timedelta(minutes=90)
    assert moment_since("2d", NOW) == NOW - timedelta(days=2)
    assert moment_since("2026-11-22T10:00+01:00", NOW) == datetime(2026, 11, 22, 9, tzinfo=UTC)
    with pytest.raises(UserError, match="no time zone"):
        moment_since("2026-11-22T10:00", NOW)
    with pytest.raises(UserError, match="is no moment"):
        moment_since("yesterday", NOW)
