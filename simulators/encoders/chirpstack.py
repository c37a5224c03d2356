"""ChirpStack v4 uplink events as JSON. Fields that have their default are left out, as the server does."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from hashlib import sha256

from simulators.batch import Batch, Device
from simulators.encoders.encoder import microsecond_texts
from simulators.encoders.level_frames import FrameCodec

_NANOSECONDS = "308"
_TENANT = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242"


class ChirpStackEncoder:
    """A codec's frames in `up` events; see `Encoder`. `observed_at` is the network server's time."""

    def __init__(self, codec: FrameCodec) -> None:
        self._codec = codec
        self._templates: dict[str, str] = {}

    @property
    def decimals(self) -> Mapping[str, int]:
        return self._codec.decimals

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        frames = self._codec.frames(batch)
        payloads = []
        for device, sequence, frame, at in zip(
            batch.device.tolist(), batch.sequence.tolist(), frames, microsecond_texts(batch.observed_at_us), strict=True
        ):
            counter = f'"fCnt":{sequence},' if sequence else ""
            encoded = b2a_base64(frame, newline=False).decode()
            row = (sequence & 0xFFFFFFFF, at, counter, encoded, sequence + 7, -79 - sequence % 31, 10 - sequence % 15)
            payloads.append((self._template(devices[device]) % row).encode())
        return payloads

    def _template(self, device: Device) -> str:
        template = self._templates.get(device.sensor_id)
        if template is None:
            template = self._templates[device.sensor_id] = _template(device, self._codec.f_port)
        return template


def _template(device: Device, f_port: int) -> str:
    key = sha256(device.sensor_id.encode()).hexdigest()
    return (
        f'{{"deduplicationId":"%08x-{key[:4]}-4{key[4:7]}-9{key[7:10]}-{key[10:22]}","time":"%s{_NANOSECONDS}+00:00",'
        f'{_device_info(device)},"devAddr":"01{key[22:28]}","adr":true,"dr":5,%s"fPort":{f_port},"data":"%s",'
        f'"rxInfo":[{{"gatewayId":"7076ff0056{key[28:34]}","uplinkId":%d,"rssi":%d,"snr":%d,"context":"{key[34:42]}",'
        '"metadata":{"region_name":"eu868","region_common_name":"EU868"}}],'
        '"txInfo":{"frequency":868300000,"modulation":{"lora":{"bandwidth":125000,"spreadingFactor":7,"codeRate":"CR_4_5"}}}}'
    )


def _device_info(device: Device) -> str:
    application = device.mqtt_topic.split("/")[1]
    return (
        f'"deviceInfo":{{"tenantId":"{_TENANT}","tenantName":"Almere","applicationId":"{application}","applicationName":"containers",'
        f'"deviceProfileId":"a3e9d5b4-95c1-4d0e-9a44-1c7e3a1c4f6b","deviceProfileName":"level sensor","deviceName":"{device.thing_id}",'
        f'"devEui":"{device.sensor_id}","tags":{{}}}}'
    )


def join_message(device: Device, at: str) -> tuple[str, bytes]:
    """Topic and payload of the join that comes before a session; `at` is ISO 8601 without a zone letter."""
    topic = device.mqtt_topic.removesuffix("/up") + "/join"
    key = sha256(device.sensor_id.encode()).hexdigest()
    payload = (
        f'{{"deduplicationId":"{key[:8]}-{key[8:12]}-4{key[12:15]}-9{key[15:18]}-{key[18:30]}","time":"{at}+00:00",'
        f'{_device_info(device)},"devAddr":"01{key[22:28]}"}}'
    )
    return topic, payload.encode()
