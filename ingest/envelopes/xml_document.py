"""Reading XML that anybody may have sent: names without their namespaces, every failure an `InvalidMessage` with its byte.

No document type is allowed: without one there are no entities, so nothing can be expanded a billion times or fetched from elsewhere. What
is left to bound is depth; size is bounded by the payload's limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from ingest.envelopes.json_document import shown
from models.domain.failures import DeadLetterReason, InvalidMessage

MAX_DEPTH = 60


@dataclass(slots=True)
class Element:
    """An element by its local name; attributes by theirs, `type` for xsi:type without its prefix."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> Iterator[Element]:
        """The elements of this name within, itself included, in the document's order."""
        pending = [self]
        while pending:
            element = pending.pop()
            if element.name == name:
                yield element
            pending.extend(reversed(element.children))

    def first(self, name: str) -> Element | None:
        return next(self.all(name), None)

    def text_of(self, name: str) -> str:
        """The text of the first element of this name within, "" if there is none."""
        found = self.first(name)
        return found.text.strip() if found is not None else ""

    @property
    def xsi_type(self) -> str:
        return self.attributes.get("type", "").rpartition(":")[2]


def parse_xml(payload: bytes) -> Element:
    """The document's root. Raises `InvalidMessage` malformed."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    top = Element("", {})
    open_elements = [top]

    def refuse_document_type(*_: object) -> None:
        raise InvalidMessage(
            DeadLetterReason.MALFORMED,
            "the document declares a document type, which is not allowed",
            at_byte=parser.CurrentByteIndex,
        )

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > MAX_DEPTH:
            raise InvalidMessage(
                DeadLetterReason.MALFORMED, f"the document is nested more than {MAX_DEPTH} deep", at_byte=parser.CurrentByteIndex
            )
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        open_elements.pop()

    def text(data: str) -> None:
        open_elements[-1].text += data

    parser.StartDoctypeDeclHandler = refuse_document_type
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    try:
        parser.Parse(payload, True)
    except expat.ExpatError as error:
        at_byte = min(max(parser.ErrorByteIndex, 0), len(payload))
        raise InvalidMessage(
            DeadLetterReason.MALFORMED, f"the payload is not XML: {shown(expat.ErrorString(error.code))}", at_byte=at_byte
        ) from None
    except (ValueError, LookupError) as error:
        raise InvalidMessage(DeadLetterReason.MALFORMED, f"the payload is not XML: {shown(str(error))}") from None
    return top.children[0]


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
