"""What is easily read wrong in any form, a sentence each: of time, and of payloads that nobody meant to send.

For docs/formats.md, beside the traps that each envelope and codec names. Every sentence has a test, and a test that it fails without the code
that minds it (`tests/unit/ingest/test_traps.py`).
"""

from __future__ import annotations

TIME_TRAPS: tuple[str, ...] = (
    "A device's own time goes before the network server's, and that before a gateway's, of which the earliest counts; `time_source` says which.",
    "The time of reception is no time of a reading, as a redelivery has another: without a time and without a sequence number a payload is a "
    "dead letter `identity`.",
    "A reading with a sequence number (`seq`, or the frame counter of a session) and no time keeps, for good, the moment at which it was first "
    "received: `time_source` is `sequence`. A redelivery is given the same moment.",
    "A counter that starts anew or wraps says a number again: with other bytes, with another `boot` or session, or an hour and more later, it "
    "is another reading.",
    "A retained message without a time of its own may be of any age: a dead letter `identity`, with a sequence number or without.",
    "Local times without a zone come from Dutch vendors that send no other: of the hour that comes twice in autumn the later one counts that "
    "is not after the reception.",
    "The hour that is missing in spring is no time: a dead letter `clock`.",
    "Clocks are wrong, in 1970 and in the future: more than 5 minutes after the reception, or before the raw messages' 45 days, is a dead letter "
    "`clock`.",
)

PAYLOAD_TRAPS: tuple[str, ...] = (
    "NaN, Infinity and 1e999 are no JSON: `malformed`, with the byte.",
    "Text that is not UTF-8 is `malformed`, with the byte; it is not mended.",
    "Nesting without end and more than 256 KiB are refused before they cost anything.",
    "A number that no quantity can be is a dead letter `range` and never reaches the database.",
    "A new optional field is counted and left out; it takes no reading along.",
    "One bad reading of a message does not take the others along.",
    "A field for personal data anywhere in a payload makes it a dead letter `privacy`, whatever else is wrong with it.",
)
