"""What the commands print about corrections: pure, from diffs to lines."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.store.redecode import RedecodeReport
from storage.correction_diff import KindDiff

MOST_THINGS = 8


def diff_lines(diff: KindDiff) -> Iterator[str]:
    """One kind: how many, which columns from what to what, examples, which things."""
    yield (
        f"{diff.kind}: {diff.looked_at:,} readings looked at: {diff.unchanged:,} as they were, {diff.changed:,} changed, "
        f"{diff.removed:,} taken away; {diff.added:,} new"
    )
    for column in diff.columns:
        means = ""
        if column.mean_before is not None and column.mean_after is not None:
            means = f", on average {column.mean_before:.4g} → {column.mean_after:.4g}"
        yield f"  {column.name}: {column.readings:,} readings{means}"
    for example in diff.examples:
        yield f"  e.g. {example}"
    if diff.things:
        names = list(diff.things)
        more = f" and {len(names) - MOST_THINGS} more" if len(names) > MOST_THINGS else ""
        yield f"  of {', '.join(names[:MOST_THINGS])}{more}, from {diff.since:%Y-%m-%d %H:%M} to {diff.until:%Y-%m-%d %H:%M} UTC"
    if diff.duplicates:
        yield f"  {diff.duplicates:,} say what another reading of their moment says already"
    if diff.conflicts:
        yield f"  {len(diff.conflicts):,} cannot be stored: something else is stored for their datastream and moment, and is kept"


def redecode_lines(report: RedecodeReport, *, dry_run: bool) -> Iterator[str]:
    """A whole redecoding."""
    if not report.spans:
        yield "Kafka has no record from then on that the store has read."
        return
    done = "would be changed" if dry_run else "done"
    yield f"{report.records:,} records of {len(report.spans)} partitions decoded again ({done}):"
    for diff in report.diffs:
        if diff.looked_at or diff.added or diff.conflicts:
            yield from diff_lines(diff)
    if report.unreadable:
        yield "not readable: " + ", ".join(f"{number:,} {reason}" for reason, number in report.unreadable.most_common())
    if not dry_run:
        yield f"dead letters: {report.letters_stored:,} are stored now, {report.letters_new:,} are new"
