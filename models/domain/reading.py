"""What every reading has, whatever its kind. Sensor kinds derive from `Reading` and add their quantities.

Identity of a reading is `(datastream_id, observed_at)`; a datastream is one sensor position on a thing and what it
reports together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


class TimeSource(StrEnum):
    """Who said when a reading was made, in order of preference."""

    DEVICE = "device"
    NETWORK = "network"
    GATEWAY = "gateway"
    SEQUENCE = "sequence"
    """Nobody: the payload has a sequence number instead, and the moment is that of its first reception."""


def _to_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]


@dataclass(frozen=True, slots=True)
class Quantity:
    """Metadata of a reading's field: its unit (UCUM-like, "" for a count or flag), and whether it was measured or is
    derived from what was measured (derived values are not part of the content hash and are recomputed on correction).
    `open_data` says whether the column may be published as it is."""

    unit: str
    derived: bool = False
    open_data: bool = True


class Reading(BaseModel):
    """One observation of one datastream. Subclasses add optional quantities, each annotated with a `Quantity`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    IDENTITY_FIELDS: ClassVar[tuple[str, ...]] = ("thing_id", "datastream_id", "observed_at", "time_source")

    thing_id: Annotated[str, Field(min_length=1, max_length=128)]
    datastream_id: Annotated[str, Field(min_length=1, max_length=192)]
    observed_at: UtcDatetime
    time_source: TimeSource

    MEASURED_FIELDS: ClassVar[tuple[str, ...]] = ()
    """The measured fields in order of definition, set once per subclass: `measured()` runs for every reading."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.MEASURED_FIELDS = tuple(name for name, quantity in cls.quantities().items() if not quantity.derived)

    @classmethod
    def quantities(cls) -> dict[str, Quantity]:
        """Field name → its `Quantity`, in order of definition."""
        found: dict[str, Quantity] = {}
        for name, info in cls.model_fields.items():
            for item in info.metadata:
                if isinstance(item, Quantity):
                    found[name] = item
        return found

    def measured(self) -> tuple[Any, ...]:
        """The measured values in order of definition: what two readings of one identity must agree in."""
        return tuple([getattr(self, name) for name in self.MEASURED_FIELDS])
