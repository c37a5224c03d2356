"""Compares what is stored with the truth of a simulation, identity by identity: the proof that the line did right by every message.

Called by `stadspuls check-truth`, `stadspuls simulated-month` and tests, when everything that was sent has been taken in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.domain.failures import DeadLetterReason, UserError
from models.sensor_kinds import SensorKind, kind_by_name
from simulators.expected import Expected, Gap, expected_of
from storage.ledger import ledger_totals
from storage.stored_contents import dead_letters_by_topic, stored_contents, stored_times

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = timedelta(days=1)
_EXAMPLES = 5


@dataclass
class TruthCheck:
    """The outcome. `right` readings are stored as they had to be; everything in `wrong` is a fault of ours: readings `missing`,
    `unexpected` or with `other content`, dead letters too few or too many. `examples` names some of each."""

    right: int = 0
    expected: int = 0
    dead_letters: Counter[DeadLetterReason] = field(default_factory=Counter)
    duplicates_sent: int = 0
    duplicates_recognised: int = 0
    gaps: list[Gap] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    latest_days: float = 0.0

    @property
    def passed(self) -> bool:
        return self.right == self.expected and not self.wrong

    def blame(self, what: str, example: str, count: int = 1) -> None:
        self.wrong[what] += count
        if self.wrong[what] <= _EXAMPLES:
            self.examples.append(f"{what}: {example}")


async def check_truth(pool: Any, truth: Path) -> TruthCheck:
    """Compares all kinds below the truth folder. Raises `UserError` where there is none."""
    kinds = _kinds_in(truth)
    check = TruthCheck()
    letters: Counter[tuple[str, DeadLetterReason]] = Counter()
    async with pool.acquire() as connection:
        for name in kinds:
            kind = kind_by_name(name)
            if kind is None:
                raise UserError(f"{truth / name} is of a kind that is not registered")
            expected = expected_of(truth, name, tuple(kind.reading_type.MEASURED_FIELDS))
            await _compare_kind(connection, kind, expected, check)
            letters += expected.dead_letters
        _compare_letters(letters, await dead_letters_by_topic(connection), check)
        totals = await ledger_totals(connection)
    check.duplicates_recognised = totals.readings_duplicate
    if check.duplicates_recognised < check.duplicates_sent:
        check.blame("duplicates not recognised", f"{check.duplicates_sent - check.duplicates_recognised}")
    imbalance = abs(totals.messages_imbalance) + abs(totals.readings_imbalance)
    if imbalance:
        check.blame("ledger not balanced", f"by {imbalance}", imbalance)
    return check


def _kinds_in(truth: Path) -> list[str]:
    kinds = sorted(path.name for path in truth.glob("*") if (path / "devices.csv").exists())
    if not kinds:
        raise UserError(f"{truth} holds no truth: give the folder of a simulation that was sent, with --city")
    return kinds


async def _compare_kind(connection: Any, kind: SensorKind, expected: Expected, check: TruthCheck) -> None:
    check.expected += len(expected)
    check.duplicates_sent += expected.duplicates
    check.gaps += expected.gaps
    check.latest_days = max(check.latest_days, expected.latest_us / 86_400e6)
    times = [_moment(int(at_us)) for at_us in (expected.stated_at_us.min(), expected.stated_at_us.max())] if len(expected) else []
    times += await stored_times(connection, kind) or ()
    if not times:
        return
    since = min(times).replace(hour=0, minute=0, second=0, microsecond=0)
    while since <= max(times):
        until = since + _AT_ONCE
        found = await stored_contents(connection, kind, expected.quantities, since, until)
        for identity, content in expected.between(_micros(since), _micros(until)):
            stored = found.pop(identity, None)
            if stored is None:
                check.blame("missing", f"{identity[0]} at {_moment(identity[1]).isoformat()}")
            elif stored != content:
                check.blame("other content", f"{identity[0]} at {_moment(identity[1]).isoformat()}: {stored}, not {content}")
            else:
                check.right += 1
        for identity in found:
            check.blame("unexpected", f"{identity[0]} at {_moment(identity[1]).isoformat()}")
        since = until


def _compare_letters(
    expected: Counter[tuple[str, DeadLetterReason]], found: Counter[tuple[str, DeadLetterReason]], check: TruthCheck
) -> None:
    for (topic, reason), number in (expected & found).items():
        del topic
        check.dead_letters[reason] += number
    for what, difference in (("dead letter missing", expected - found), ("dead letter unexpected", found - expected)):
        for (topic, reason), number in difference.items():
            check.blame(what, f"{number} of {topic}, reason {reason.value}", number)


def in_words(check: TruthCheck) -> list[str]:
    """The outcome in sentences."""
    letters = ", ".join(f"{number:,} {reason.value}" for reason, number in sorted(check.dead_letters.items())) or "none"
    causes = Counter[str]()
    for gap in check.gaps:
        causes[gap.cause] += gap.readings
    gaps = ", ".join(f"{number:,} to {cause}" for cause, number in sorted(causes.items())) or "none"
    lines = [
        f"Of {check.expected:,} readings that had to be stored, {check.right:,} are, each once and with the values that were sent; the latest "
        f"arrived {check.latest_days:.1f} days after it was observed.",
        f"{check.duplicates_recognised:,} were recognised as sent twice ({check.duplicates_sent:,} were). Dead letters as they had to be: {letters}.",
        f"Readings that were never sent: {gaps}, in {len(check.gaps):,} named gaps.",
    ]
    if check.passed:
        return [*lines, "Others: 0."]
    return [*lines, "WRONG: " + ", ".join(f"{number:,} {what}" for what, number in sorted(check.wrong.items())), *check.examples]


def _moment(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
