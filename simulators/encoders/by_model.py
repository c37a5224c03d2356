"""Which encoder belongs to which device model. Registration is the table, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulators.batch import Device
from simulators.encoders import chirpstack, the_things_stack
from simulators.encoders.chirpstack import ChirpStackEncoder
from simulators.encoders.decentlab_lid_frames import DlLidFrames
from simulators.encoders.dragino_frames import Ldds75Frames, Mds200Frames
from simulators.encoders.encoder import Encoder
from simulators.encoders.json_forms import JSON_FORMS, JsonFormEncoder
from simulators.encoders.level_frames import DlMbxFrames, Em310UdlFrames
from simulators.encoders.milesight_frames import Em310TiltFrames, Em400UdlFrames
from simulators.encoders.ndw import NdwBridgeEncoder, NdwTrafficEncoder
from simulators.encoders.own_json import OwnJsonEncoder
from simulators.encoders.senml import Lwm2mLevelEncoder, SenmlEncoder
from simulators.encoders.sensoneo_frames import SensoneoFrames
from simulators.encoders.sparkplug import SparkplugEncoder
from simulators.encoders.the_things_stack import TheThingsStackEncoder

_JOINS: Mapping[str, Callable[[Device, str], tuple[str, bytes]]] = {
    "milesight_em310_udl": the_things_stack.join_message,
    "milesight_em400_udl": the_things_stack.join_message,
    "milesight_em310_tilt": the_things_stack.join_message,
    "dragino_ldds75": the_things_stack.join_message,
    "dragino_mds200": the_things_stack.join_message,
    "decentlab_dl_mbx": chirpstack.join_message,
    "decentlab_dl_lid": chirpstack.join_message,
    "sensoneo_single_sensor_3": chirpstack.join_message,
}


def encoder_for(device_model: str, kind: str, decimals: Mapping[str, int]) -> Encoder:
    """The encoder of a device model; `decimals` are those of the kind's own JSON. KeyError for an unknown model."""
    encoders: Mapping[str, Callable[[], Encoder]] = {
        "stadspuls_json": lambda: OwnJsonEncoder(kind, decimals),
        "senml": lambda: SenmlEncoder(decimals),
        "sparkplug_b": lambda: SparkplugEncoder(decimals),
        "lwm2m_3435": Lwm2mLevelEncoder,
        "ndw_trafficspeed": NdwTrafficEncoder,
        "ndw_bridge_openings": NdwBridgeEncoder,
        "milesight_em310_udl": lambda: TheThingsStackEncoder(Em310UdlFrames()),
        "milesight_em400_udl": lambda: TheThingsStackEncoder(Em400UdlFrames()),
        "milesight_em310_tilt": lambda: TheThingsStackEncoder(Em310TiltFrames()),
        "dragino_ldds75": lambda: TheThingsStackEncoder(Ldds75Frames()),
        "dragino_mds200": lambda: TheThingsStackEncoder(Mds200Frames()),
        "decentlab_dl_mbx": lambda: ChirpStackEncoder(DlMbxFrames()),
        "decentlab_dl_lid": lambda: ChirpStackEncoder(DlLidFrames()),
        "sensoneo_single_sensor_3": lambda: ChirpStackEncoder(SensoneoFrames()),
    }
    if (device_model, kind) in JSON_FORMS:
        return JsonFormEncoder(*JSON_FORMS[device_model, kind])
    return encoders[device_model]()


def join_message(device: Device, at: str) -> tuple[str, bytes] | None:
    """Topic and payload of the message with which a LoRaWAN device joins; None for a device that does not."""
    join = _JOINS.get(device.device_model)
    return join(device, at) if join else None
