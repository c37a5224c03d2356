"""What the command prints about dead letters: pure, from letters to lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ingest.store.replay import NO_BYTES, STORED, WITHOUT_READING, ReplayReport
from models.domain.failures import DeadLetterReason
from storage.dead_letters import WHOLE_MESSAGE, DeadLetter, Replay

ADVICE: dict[DeadLetterReason, str] = {
    DeadLetterReason.MALFORMED: "The bytes were damaged, or no codec of the registered device model reads them. `stadspuls explain-payload` "
    "names the byte. If the device model is wrong, import the right one and replay.",
    DeadLetterReason.SCHEMA: "The sender leaves out a field, sends one of a wrong type, or speaks another version. Mend the sender, or the "
    "sensor's device model in the registry, and replay.",
    DeadLetterReason.RANGE: "The value is outside what the quantity can be: look at the sensor and its mounting. A replay helps only after "
    "the decoder was mended.",
    DeadLetterReason.UNKNOWN_THING: "Register the sensor and its assignment at that time with `stadspuls registry import FILE`, then "
    "`stadspuls dead-letters replay --reason unknown_thing`.",
    DeadLetterReason.CLOCK: "The device's clock is wrong, or this is recorded history: then set accepts_history_from of the sensor, import "
    "and replay.",
    DeadLetterReason.IDENTITY: "Either the payload says neither time nor sequence number, or two different readings claim one moment of one "
    "datastream: usually two sensors are assigned to the same datastream. What was stored first is kept.",
    DeadLetterReason.TOO_LARGE: "Only the beginning went through Kafka. Make the sender split its messages; this one is not to be had again.",
    DeadLetterReason.PRIVACY: "The message has fields for personal data, so its bytes are not kept. Have the sender leave them out, or list "
    "them for removal (STADSPULS_MQTT_TO_KAFKA_PRIVATE_FIELDS).",
}


def count_lines(counts: Mapping[DeadLetterReason, int]) -> Iterator[str]:
    """How many for which reason, the most frequent first."""
    total = sum(counts.values())
    yield f"{total:,} dead letter{'' if total == 1 else 's'}"
    for reason, number in sorted(counts.items(), key=lambda item: -item[1]):
        yield f"  {number:>9,}  {reason.value}"


def letter_line(letter: DeadLetter) -> str:
    """One letter in the list."""
    state = f" [replayed: {letter.outcome}]" if letter.outcome else ""
    seen = f"{letter.first_seen:%Y-%m-%d %H:%M:%S}" if letter.first_seen else ""
    return f"{letter.letter_id:>8}  {seen}  {letter.reason.value:<13} {letter.mqtt_topic}  {letter.detail}{state}"


def letter_lines(letter: DeadLetter, replays: Sequence[Replay], *, most_bytes: int) -> Iterator[str]:
    """Everything about one letter."""
    which = "the whole message" if letter.index == WHOLE_MESSAGE else f"reading {letter.index} of the message"
    yield f"Dead letter {letter.letter_id}: {which} is {letter.reason.value}"
    yield f"  {letter.detail}"
    yield f"MQTT topic    {letter.mqtt_topic}"
    yield f"source        {letter.source}"
    yield f"received at   {letter.received_at.isoformat()}"
    if letter.first_seen is not None:
        yield f"first seen    {letter.first_seen.isoformat()}, attempts {letter.attempts}"
    yield f"Kafka         partition {letter.partition}, offset {letter.offset}, topic id {letter.incarnation}"
    for name, text in letter.headers.items():
        yield f"header        {name}: {text}"
    yield f"content hash  {letter.content_hash}"
    yield from _payload_lines(letter, most_bytes)
    for replay in replays:
        yield f"replayed      {replay.replayed_at.isoformat()}: {replay.outcome}{', ' + replay.detail if replay.detail else ''}"
    yield f"What to do: {ADVICE[letter.reason]}"


def _payload_lines(letter: DeadLetter, most_bytes: int) -> Iterator[str]:
    if letter.payload is None:
        why = (
            "personal data"
            if letter.reason is DeadLetterReason.PRIVACY
            else "another letter of the same message has them, or the source is above its quota; a replay reads them from Kafka"
        )
        yield f"payload       {letter.payload_length:,} bytes, not kept here: {why}"
        return
    kept = len(letter.payload)
    whole = f" of {letter.payload_length:,}" if letter.payload_length != kept else ""
    yield f"payload       {kept:,}{whole} bytes{f', the first {most_bytes:,}' if kept > most_bytes else ''}:"
    yield from hexdump(letter.payload[:most_bytes])


def hexdump(data: bytes) -> Iterator[str]:
    """Offset, 16 bytes in hex, the same as text."""
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"  {start:06x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  {text}"


def report_lines(report: ReplayReport) -> Iterator[str]:
    """What a replay did."""
    total = report.outcomes.total()
    if not total:
        yield "No dead letter matches that is not stored yet."
        return
    yield f"{total:,} dead letters replayed: {report.outcomes[STORED]:,} are stored now"
    yield f"  readings: {report.readings_stored:,} new, {report.readings_duplicate:,} were stored before"
    words = {WITHOUT_READING: "carry no reading", NO_BYTES: "cannot be read any more: their bytes are gone"}
    for name, number in report.outcomes.most_common():
        if name != STORED:
            yield f"  {number:,} {words.get(name, f'are still {name}')}"
