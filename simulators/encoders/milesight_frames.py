"""Frames of Milesight's EM400-UDL and EM310-TILT, as bytes: channel, type, value, little endian. From the maker's published layouts."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.batch import Batch
from simulators.encoders.frame_rows import frames_of, new_rows, put


class Em400UdlFrames:
    """Battery % (01 75), temperature 0.1 °C (03 67), distance mm (04 82), position (05 00)."""

    f_port = 85
    decimals: Mapping[str, int] = {"distance_mm": 0, "temperature_c": 1, "battery_ratio": 2, "tilted": -1}

    def frames(self, batch: Batch) -> list[bytes]:
        rows = new_rows(len(batch), "017500 03670000 04820000 050000")
        put(rows, 2, batch.values["battery_ratio"] * 100, "u1")
        put(rows, 5, batch.values["temperature_c"] * 10, "<i2")
        put(rows, 9, batch.values["distance_mm"], "<u2")
        put(rows, 13, batch.values["tilted"], "u1")
        return frames_of(rows)


class Em310TiltFrames:
    """Battery % (01 75), then (03 CF) three angles of 0.01° and a bit per axis over its threshold: here all three or none."""

    f_port = 85
    decimals: Mapping[str, int] = {
        "inclination_x_deg": 2, "inclination_y_deg": 2, "inclination_z_deg": 2, "tilt_alarm": -1, "battery_ratio": 2,
    }  # fmt: skip

    def frames(self, batch: Batch) -> list[bytes]:
        rows = new_rows(len(batch), "017500 03cf 0000 0000 0000 00")
        put(rows, 2, batch.values["battery_ratio"] * 100, "u1")
        for place, axis in enumerate("xyz"):
            put(rows, 5 + 2 * place, batch.values[f"inclination_{axis}_deg"] * 100, "<i2")
        put(rows, 11, batch.values["tilt_alarm"] * 0x07, "u1")
        return frames_of(rows)
