"""The Things Stack v3 uplink messages as JSON. Fields that are 0 are left out, as the server does."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from hashlib import sha256

from simulators.batch import Batch, Device
from simulators.encoders.encoder import microsecond_texts
from simulators.encoders.level_frames import FrameCodec

_NANOSECONDS = "214"
_GATEWAY_LAG_US = 41_000
_APPLICATION_SERVER_LAG_US = 208_317
_BRANDS = {
    "milesight_em310_udl": ("milesight-iot", "em310-udl"),
    "milesight_em400_udl": ("milesight-iot", "em400-udl"),
    "milesight_em310_tilt": ("milesight-iot", "em310-tilt"),
    "dragino_ldds75": ("dragino", "ldds75"),
    "dragino_mds200": ("dragino", "mds200-lb"),
    "decentlab_dl_mbx": ("decentlab", "dl-mbx"),
}


class TheThingsStackEncoder:
    """A codec's frames in uplink messages; see `Encoder`. `observed_at` is when the network server received the uplink."""

    def __init__(self, codec: FrameCodec) -> None:
        self._codec = codec
        self._templates: dict[str, str] = {}

    @property
    def decimals(self) -> Mapping[str, int]:
        return self._codec.decimals

    def payloads(self, devices: Sequence[Device], batch: Batch) -> list[bytes]:
        network = microsecond_texts(batch.observed_at_us)
        gateway = microsecond_texts(batch.observed_at_us - _GATEWAY_LAG_US)
        server = microsecond_texts(batch.observed_at_us + _APPLICATION_SERVER_LAG_US)
        frames = self._codec.frames(batch)
        payloads = []
        for device, sequence, frame, at, heard, handed_on in zip(
            batch.device.tolist(), batch.sequence.tolist(), frames, network, gateway, server, strict=True
        ):
            counter = f'"f_cnt":{sequence},' if sequence else ""
            encoded = b2a_base64(frame, newline=False).decode()
            row = (handed_on, counter, encoded, heard, -84 - sequence % 23, 9 - sequence % 13, at)
            payloads.append((self._template(devices[device]) % row).encode())
        return payloads

    def _template(self, device: Device) -> str:
        template = self._templates.get(device.sensor_id)
        if template is None:
            template = self._templates[device.sensor_id] = _template(device, self._codec.f_port)
        return template


def _template(device: Device, f_port: int) -> str:
    application = device.mqtt_topic.split("/")[1].split("@")[0]
    brand, model = _BRANDS[device.device_model]
    key = sha256(device.sensor_id.encode()).hexdigest()
    gateway = f"almere-gateway-{int(key[:2], 16) % 7 + 1}"
    return (
        f'{{"end_device_ids":{{"device_id":"{device.mqtt_topic.split("/")[3]}","application_ids":{{"application_id":"{application}"}},'
        f'"dev_eui":"{device.sensor_id.upper()}","join_eui":"24E124C0002A0001","dev_addr":"260B{key[:4].upper()}"}},'
        f'"correlation_ids":["as:up:{key[4:30].upper()}"],"received_at":"%s{_NANOSECONDS}Z",'
        f'"uplink_message":{{"session_key_id":"AY{key[30:50]}==","f_port":{f_port},%s"frm_payload":"%s",'
        f'"rx_metadata":[{{"gateway_ids":{{"gateway_id":"{gateway}","eui":"0016C001F1{key[50:56].upper()}"}},"time":"%s{_NANOSECONDS}Z",'
        '"rssi":%d,"channel_rssi":-97,"snr":%d}],"settings":{"data_rate":{"lora":{"bandwidth":125000,"spreading_factor":7,'
        '"coding_rate":"4/5"}},"frequency":"868100000"},'
        f'"received_at":"%s{_NANOSECONDS}Z","consumed_airtime":"0.056576s","version_ids":{{"brand_id":"{brand}","model_id":"{model}",'
        '"band_id":"EU_863_870"},"network_ids":{"net_id":"000013","tenant_id":"almere","cluster_id":"eu1"}}}'
    )


def join_message(device: Device, at: str) -> tuple[str, bytes]:
    """Topic and payload of the join that comes before a session; `at` is ISO 8601 without a zone letter."""
    topic = device.mqtt_topic.removesuffix("/up") + "/join"
    application = device.mqtt_topic.split("/")[1].split("@")[0]
    payload = (
        f'{{"end_device_ids":{{"device_id":"{device.mqtt_topic.split("/")[3]}","application_ids":{{"application_id":"{application}"}},'
        f'"dev_eui":"{device.sensor_id.upper()}","join_eui":"24E124C0002A0001"}},"received_at":"{at}Z",'
        f'"join_accept":{{"session_key_id":"AY==","received_at":"{at}Z"}}}}'
    )
    return topic, payload.encode()
