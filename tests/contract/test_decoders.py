"""What every registered envelope, codec and sensor kind keeps to: each is picked up the moment it is registered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import CODECS, codec_by_name
from ingest.codecs.codec import Codec
from ingest.decode import decode_message
from ingest.envelopes import ENVELOPES, envelope_of
from ingest.envelopes.uplink import Envelope
from models.domain.failures import InvalidMessage
from models.domain.reading import TimeSource
from models.sensor_kinds import SENSOR_KINDS, SensorKind, kind_by_name
from tests.unit.ingest.samples import (
    chirpstack,
    chirpstack_body,
    own,
    own_values,
    registry,
    sensor_of,
    things_stack,
    things_stack_body,
    valid_messages,
)

CONTEXTS = registry()
each_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
each_kind = pytest.mark.parametrize("kind", SENSOR_KINDS, ids=lambda kind: kind.name)
each_envelope = pytest.mark.parametrize("envelope", ENVELOPES, ids=lambda envelope: envelope.name)


@each_codec
def test_a_codec_gives_quantities_of_its_kind_and_names_their_bytes(codec: Codec) -> None:
    frame, f_port = bytes.fromhex(codec.example[0]), codec.example[1]
    kind = kind_by_name(codec.kind)
    assert kind is not None
    measured = {name for name, quantity in kind.reading_type.quantities().items() if not quantity.derived}
    found = codec.decode(frame, f_port)
    assert found
    for fields in found:
        assert fields.values
        assert fields.values.keys() <= measured
        shown = {part.name: part for part in fields.parts}
        for name, value in fields.values.items():
            assert shown[name].value == value
            assert shown[name].quantity
        for part in fields.parts:
            assert 0 <= part.start < part.end <= len(frame)


@each_codec
def test_a_codecs_example_decodes_the_same_through_every_network_server(codec: Codec) -> None:
    frame, f_port = codec.example
    dev_eui = sensor_of(codec.name)
    through = [
        things_stack(things_stack_body(frame, f_port, dev_eui)),
        chirpstack(chirpstack_body(frame, f_port, dev_eui), dev_eui),
    ]
    first, second = (decode_message(message, CONTEXTS) for message in through)
    assert first.kind == second.kind == codec.kind
    assert [reading.measured() for reading in first.readings] == [reading.measured() for reading in second.readings]
    assert first.readings
    assert not first.rejected


@each_codec
def test_a_codec_refuses_or_reads_any_frame(codec: Codec) -> None:
    example = bytes.fromhex(codec.example[0])
    cut_or_changed = st.tuples(st.integers(0, len(example)), st.binary(max_size=3)).flatmap(
        lambda drawn: st.sampled_from([example[: drawn[0]], example[: drawn[0]] + drawn[1] + example[drawn[0] + len(drawn[1]) :]])
    )

    @settings(max_examples=300, deadline=None, database=None)
    @given(frame=st.binary(max_size=60) | cut_or_changed, f_port=st.sampled_from([codec.example[1], *range(7), 85, 255]))
    def refuses_or_reads(frame: bytes, f_port: int) -> None:
        try:
            found = codec.decode(frame, f_port)
        except InvalidMessage as error:
            at_byte = error.at_byte or 0
        else:
            at_byte = max((part.end for fields in found for part in fields.parts), default=0)
        assert 0 <= at_byte <= len(frame)

    refuses_or_reads()


def test_names_and_products_are_unique_and_lead_back() -> None:
    assert len({codec.name for codec in CODECS}) == len(CODECS)
    products = [product for codec in CODECS for product in codec.products]
    assert len(set(products)) == len(products)
    assert all(codec_by_name(codec.name) is codec for codec in CODECS)
    assert len({kind.name for kind in SENSOR_KINDS}) == len(SENSOR_KINDS)
    assert all(kind_by_name(kind.name) is kind for kind in SENSOR_KINDS)
    assert len({envelope.topic_prefix for envelope in ENVELOPES}) == len(ENVELOPES)


@each_kind
def test_own_json_carries_every_measured_quantity_of_a_kind(kind: SensorKind) -> None:
    values = own_values(kind)
    decoded = decode_message(own(f"own-{kind.name}", kind=kind.name, **values), CONTEXTS)
    (reading,) = decoded.readings
    assert type(reading) is kind.reading_type
    assert decoded.kind == kind.name
    assert decoded.unknown_fields == 0
    assert reading.time_source is TimeSource.DEVICE
    assert {name: getattr(reading, name) for name in values} == values


@each_kind
def test_own_json_with_one_quantity_is_enough(kind: SensorKind) -> None:
    for name, value in own_values(kind).items():
        assert decode_message(own(f"own-{kind.name}", kind=kind.name, **{name: value}), CONTEXTS).readings


@each_kind
def test_a_number_without_end_is_refused(kind: SensorKind) -> None:
    """1e300 is a number that JSON can say and no quantity can be."""
    for column in kind.columns():
        if column.quantity.derived or column.sql_type not in ("double precision", "integer"):
            continue
        with pytest.raises(InvalidMessage, match=column.name):
            decode_message(own(f"own-{kind.name}", kind=kind.name, **{column.name: 1e300}), CONTEXTS)


@each_envelope
def test_an_envelope_is_found_by_its_topics_and_refuses_what_is_not_its_own(envelope: Envelope) -> None:
    own_messages = [message for message in valid_messages() if envelope_of(message.mqtt_topic) is envelope]
    assert own_messages
    for message in own_messages:
        for spoilt in (b"", b"{}", b"[]", b"null", b"\x00", message.payload[:-1], message.payload + b"x"):
            with pytest.raises(InvalidMessage):
                decode_message(replace(message, payload=spoilt), CONTEXTS)


@pytest.mark.parametrize("message", valid_messages(), ids=lambda message: message.mqtt_topic)
def test_decoding_twice_gives_the_same(message: object) -> None:
    first, second = (decode_message(message, CONTEXTS) for _ in range(2))  # type: ignore[arg-type]  # pytest loses the type
    assert first == second
