"""The three fates of a record and the mistakes of a user, each as a type.

`InvalidMessage` ends as a dead letter, `TransientError` makes upstream wait, anything else stops the process uncommitted
and its supervisor starts it again. Callers react to these types, never to message text.
"""

from __future__ import annotations

from enum import StrEnum


class DeadLetterReason(StrEnum):
    """Why a message, or one reading of it, could not be stored: a closed list, also the label of a metric."""

    MALFORMED = "malformed"
    """The bytes do not have the shape of their envelope or codec."""
    SCHEMA = "schema"
    """A well-formed payload lacks a field, has one of a wrong type, or states a version that we do not know."""
    RANGE = "range"
    """A value lies outside what the quantity can be."""
    UNKNOWN_THING = "unknown_thing"
    """No registered sensor, or no assignment of it at the time of the reading."""
    CLOCK = "clock"
    """`observed_at` lies before raw retention or too far in the future."""
    IDENTITY = "identity"
    """No time to be identified by, or the same identity with another content."""
    TOO_LARGE = "too_large"
    """Over the payload limit; only a stub went through Kafka."""
    PRIVACY = "privacy"
    """A field that may hold personal data; its bytes are not kept."""


class StadspulsError(Exception):
    """Root of the errors that this project raises on purpose."""


class InvalidMessage(StadspulsError):
    """A message that cannot become readings.

    `reason` is from the closed list, `detail` one sentence for a person, `at_byte` the offset in the payload where
    reading failed, if there is one.
    """

    def __init__(self, reason: DeadLetterReason, detail: str, *, at_byte: int | None = None) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.at_byte = at_byte


class TransientError(StadspulsError):
    """Something outside is unavailable for now: the same call may succeed later. Never becomes a dead letter."""


class FenceLost(StadspulsError):
    """Another member moved the stored offset of a partition: this one's buffers are stale and must be dropped."""


class OffsetGap(StadspulsError):
    """The log does not hold the offset that is to be read next: records are missing or the topic is another one."""


class UserError(StadspulsError):
    """A mistake that the user can mend. The text says what was wrong, where, and what to do."""
