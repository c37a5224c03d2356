"""The lines of a CSV file that somebody made by hand or with another program: each is a record with as many fields as the first line names.

What does not fit is refused where it stands, with what to do.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from models.domain.failures import UserError

_LONGEST_SHOWN = 60
"""Characters of a line that a sentence shows: a broken quote can make a field of a whole file."""
_SEPARATORS = {";": "semicolons", "\t": "tabs"}
_OTHER_FILES = {
    b"\x1f\x8b": "it is compressed; unpack it with gunzip",
    b"PK\x03\x04": "it is a zip or Excel file; save what is in it as CSV",
    b"\xff\xfe": "it is in UTF-16; save it as UTF-8",
    b"\xfe\xff": "it is in UTF-16; save it as UTF-8",
}
"""First bytes of what is given instead of a CSV file, and what to do with it."""


def csv_lines(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, these columns) of each line of a CSV file that is not empty; other columns are ignored, `optional` ones are there where the
    first line names them. Raises `UserError` with the line and what to do."""
    try:
        with path.open("rb") as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            for first_bytes, advice in _OTHER_FILES.items():
                if raw.peek(len(first_bytes)).startswith(first_bytes):
                    raise UserError(f"{path} is not a CSV file in UTF-8: {advice}")
            names = [name.strip() for name in _fields(path, 1, next(file, ""))]
            places = _places(path, names, columns, optional)
            for line, text in enumerate(file, start=2):
                if not text.strip():
                    continue
                fields = _fields(path, line, text)
                if len(fields) != len(names):
                    raise UserError(_other_length(path, line, text, len(fields), len(names)))
                yield line, {name: fields[place] for name, place in places.items()}
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder, not a CSV file") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a file that can") from error
    except UnicodeDecodeError as error:
        around = error.object[max(0, error.start - 10) : error.start + 10].decode("latin-1")
        raise UserError(
            f"{path} is not a CSV file in UTF-8: {cut(around)} holds a byte that is none; if it is in Latin-1 or Windows-1252, save "
            "it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8)"
        ) from error


def cut(text: str) -> str:
    """A text of a file as a sentence shows it: in quotes, and no longer than it helps."""
    text = text.strip()
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


def counted(count: int, noun: str) -> str:
    """ "1 reading", "2 readings"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _fields(path: Path, line: int, text: str) -> list[str]:
    """The fields of a line, which is a record by itself: no name, time or level spans lines, so a quote that stays open is a slip,
    and would take the lines after it for text."""
    try:
        return next(csv.reader((text,), strict=True), [])
    except csv.Error as error:
        raise UserError(
            f"{path}:{line}: {cut(text)} cannot be split into fields ({error}); close each quote in the line that opens it, or take it out"
        ) from error


def _places(path: Path, names: list[str], columns: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, int]:
    """Where the columns stand in a line."""
    missing = [name for name in columns if name not in names]
    if missing:
        used = next((sign for sign in _SEPARATORS if len(names) == 1 and sign in names[0]), None)
        hint = f"; it is separated by {_SEPARATORS[used]}, and must be by commas" if used else ""
        raise UserError(
            f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; its first line must name "
            f"{','.join(columns)} and names {cut(','.join(names)) if any(names) else 'nothing'}{hint}"
        )
    found = [name for name in (*columns, *optional) if name in names]
    for name in found:
        if names.count(name) > 1:
            raise UserError(f"{path}:1: the column {name} is named {names.count(name)} times; rename or remove all but one")
    return {name: names.index(name) for name in found}


def _other_length(path: Path, line: int, text: str, found: int, named: int) -> str:
    """What is said of a line with more or fewer fields than the first line names."""
    advice = (
        "write decimals with a point (0.134, not 0,134), and put quotes around a text that holds a comma"
        if found > named
        else "write the comma of an empty field, too"
    )
    return f"{path}:{line}: the line has {counted(found, 'field')} and the first line names {named}: {cut(text)}; {advice}"
