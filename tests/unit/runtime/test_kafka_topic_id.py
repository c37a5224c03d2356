"""The Metadata request that the client library does not have: its bytes, and how answers are read."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

import pytest

from models.domain.failures import TransientError, UserError
from runtime.kafka_topic_id import NO_ID, MetadataRequestV10, MetadataResponseV10, TopicIdRequest, read_topic_id

ID = UUID("64580401-259c-46e8-a9dc-cb157420255c")


def response(error_code: int = 0, name: str = "telemetry.raw", topic_id: UUID = ID) -> MetadataResponseV10:
    partition: tuple[Any, ...] = (0, 0, 1, 5, [1], [1], [], {})
    topic: tuple[Any, ...] = (error_code, name, topic_id, False, [partition], -(2**31), {})
    made = MetadataResponseV10(0, [(1, "h", 9092, None, {})], "cluster", 1, [topic], -(2**31), {})
    decoded: MetadataResponseV10 = MetadataResponseV10.decode(BytesIO(made.encode()))
    return decoded


def test_the_request_asks_for_one_topic_by_name_and_creates_none() -> None:
    request = TopicIdRequest("telemetry.raw").prepare({3: (0, 13)})
    assert isinstance(request, MetadataRequestV10)
    assert request.encode() == b"\x02" + bytes(16) + b"\x0etelemetry.raw\x00" + b"\x00\x00\x00\x00"


def test_the_id_is_read_from_the_answer() -> None:
    assert read_topic_id(response(), "telemetry.raw") == ID


def test_a_missing_topic_is_the_users_to_make() -> None:
    with pytest.raises(UserError, match="stadspuls topics create"):
        read_topic_id(response(3, topic_id=NO_ID), "telemetry.raw")
    with pytest.raises(UserError, match="stadspuls topics create"):
        read_topic_id(response(name="another"), "telemetry.raw")


@pytest.mark.parametrize(("error_code", "topic_id"), [(5, ID), (0, NO_ID)])
def test_a_topic_that_is_being_made_is_asked_for_again(error_code: int, topic_id: UUID) -> None:
    with pytest.raises(TransientError, match=r"telemetry\.raw"):
        read_topic_id(response(error_code, topic_id=topic_id), "telemetry.raw")
