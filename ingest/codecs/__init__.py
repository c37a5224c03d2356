"""The device models whose bytes are read. Registration is this tuple, nothing else; the registry's device model chooses."""

from __future__ import annotations

from ingest.codecs.codec import Codec
from ingest.codecs.decentlab_dl_lid import DECENTLAB_DL_LID
from ingest.codecs.decentlab_dl_mbx import DECENTLAB_DL_MBX
from ingest.codecs.dragino_ldds75 import DRAGINO_LDDS75
from ingest.codecs.dragino_mds200 import DRAGINO_MDS200
from ingest.codecs.milesight_em310_tilt import MILESIGHT_EM310_TILT
from ingest.codecs.milesight_em310_udl import MILESIGHT_EM310_UDL
from ingest.codecs.milesight_em400_udl import MILESIGHT_EM400_UDL
from ingest.codecs.sensoneo_single_sensor_3 import SENSONEO_SINGLE_SENSOR_3

CODECS: tuple[Codec, ...] = (
    MILESIGHT_EM310_UDL,
    DECENTLAB_DL_MBX,
    MILESIGHT_EM400_UDL,
    MILESIGHT_EM310_TILT,
    DECENTLAB_DL_LID,
    SENSONEO_SINGLE_SENSOR_3,
    DRAGINO_LDDS75,
    DRAGINO_MDS200,
)

__all__ = ["CODECS", "codec_by_name"]

_BY_NAME = {codec.name: codec for codec in CODECS}


def codec_by_name(name: str) -> Codec | None:
    """The registered codec of this device model, or None."""
    return _BY_NAME.get(name)
