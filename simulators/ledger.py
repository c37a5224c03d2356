"""The publisher's own books: what was sent, and what of it must be found stored, recognised as duplicate, or dead-lettered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any


class Fate(IntEnum):
    """What has to become of one message that was sent."""

    STORED = 0
    DUPLICATE = 1
    DEAD_LETTER = 2
    WITHOUT_READING = 3


@dataclass
class KindLedger:
    """One kind's part. `garbled_sent` and `refused_sent` must become dead letters: unreadable bytes, and what can be read and not be
    stored (clock, identity, unknown version or thing). `silent` readings were never sent; `late` and `noise` are among the expected
    ones."""

    messages_sent: int = 0
    readings_expected: int = 0
    duplicates_sent: int = 0
    garbled_sent: int = 0
    without_reading: int = 0
    silent: int = 0
    late: int = 0
    noise: int = 0
    refused_sent: int = 0

    @property
    def dead_letters_expected(self) -> int:
        return self.garbled_sent + self.refused_sent

    def count(self, fate: Fate, messages: int = 1) -> None:
        """Books messages of one fate; dead letters count as garbled until `refuse` says otherwise."""
        self.messages_sent += messages
        if fate is Fate.STORED:
            self.readings_expected += messages
        elif fate is Fate.DUPLICATE:
            self.duplicates_sent += messages
        elif fate is Fate.DEAD_LETTER:
            self.garbled_sent += messages
        else:
            self.without_reading += messages

    def refuse(self, messages: int) -> None:
        """So many of the dead letters could be read."""
        self.garbled_sent -= messages
        self.refused_sent += messages


@dataclass
class PublisherLedger:
    """All kinds. `readings_expected` distinct readings must be stored, `dead_letters_expected` is the number of dead letters.

    `possibly_sent_twice` counts messages whose sending was cut off by a crash and which were therefore sent again: each of them
    may be one more duplicate.
    """

    by_kind: dict[str, KindLedger] = field(default_factory=dict)
    possibly_sent_twice: int = 0

    def of(self, kind: str) -> KindLedger:
        return self.by_kind.setdefault(kind, KindLedger())

    def total(self) -> KindLedger:
        total = KindLedger()
        for part in self.by_kind.values():
            for name, number in vars(part).items():
                setattr(total, name, getattr(total, name) + number)
        return total

    def as_json(self) -> dict[str, Any]:
        return {
            **vars(self.total()),
            "possibly_sent_twice": self.possibly_sent_twice,
            "by_kind": {kind: dict(vars(part)) for kind, part in self.by_kind.items()},
        }

    def write(self, path: Path, about: dict[str, Any]) -> None:
        """Writes the ledger with what it is about; a reader never sees half of it."""
        replace_file(path, json.dumps({**about, **self.as_json()}, indent=1) + "\n")


def read_ledger(path: Path) -> PublisherLedger:
    """What `write` wrote."""
    return ledger_from_json(json.loads(path.read_text(encoding="utf-8")))


def ledger_from_json(stored: Mapping[str, Any]) -> PublisherLedger:
    """The ledger whose `as_json` this is."""
    by_kind = {kind: KindLedger(**part) for kind, part in stored["by_kind"].items()}
    return PublisherLedger(by_kind, stored["possibly_sent_twice"])


def replace_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
