"""Fields that may hold personal data: their names, how they are found, and the keyed hash that stands for a refused message.

Called by every envelope on the parsed document and by `decode` on what could not be parsed. Waste passes, addresses and number
plates never belong in sensor data; a message with such a field is not decoded, and its dead letter holds names and a hash.

Names are compared without case and separators (`Card_ID` = `cardId`). Keys, and the names of a column array's columns; no other value
is ever looked at.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import Any

FORBIDDEN_FIELDS: frozenset[str] = frozenset(
    {
        # who: passes and cards of waste containers, persons, households
        *("cardid", "cardno", "cardnr", "cardnumber", "carduid", "chipcardid", "chipcardnumber", "passid", "passno", "passnr"),
        *("passnumber", "pasid", "pasnr", "pasnummer", "milieupas", "rfid", "rfidtag", "nfcid", "nfcuid", "tagid", "taguid"),
        *(
            "userid",
            "userhash",
            "customerid",
            "custid",
            "custno",
            "klantid",
            "klantnummer",
            "personid",
            "residentid",
            "householdid",
        ),
        *("bewoner", "bewonerid", "huishouden", "huishoudenid", "bsn", "firstname", "lastname", "surname", "fullname"),
        *("voornaam", "achternaam", "email", "emailaddress", "phone", "phonenumber", "telefoon", "telefoonnummer", "iban"),
        *("dateofbirth", "birthdate", "geboortedatum"),
        # where someone lives
        *("address", "addressid", "useraddress", "useraddressid", "homeaddress", "adres", "adresid", "postcode", "postalcode"),
        *("zipcode", "housenumber", "huisnummer", "bagid", "nummeraanduiding", "verblijfsobject"),
        # who passes by: vehicles and phones
        *("licenseplate", "licenceplate", "numberplate", "plateno", "platenumber", "kenteken", "macaddress", "wifimac"),
        *("bluetoothmac", "btmac", "bdaddr", "clientmac", "stationmac", "advertisingid"),
    }
)
"""Normalised names: lower case, letters and digits only."""

_TELLING_PARTS = ("kenteken", "licenseplate", "licenceplate", "numberplate", "cardnumber", "chipcardid", "pasnummer", "useraddress")
_LONGEST_USUAL_KEY = 64
_COLUMN_NAMES = "Fields"
"""The key under which column arrays have the names of their columns."""
_MAX_SEEN = 4096
_NESTED = frozenset({dict, list})
_seen_harmless: set[str] = set()
"""Keys found harmless before, a cache: envelopes have some 80 keys, nearly always the same, and this runs for each message."""

_NOT_A_LETTER_OR_DIGIT = re.compile(r"[\W_]+")
_KEY_IN_BYTES = re.compile(rb'"([^"\\]{1,64})"\s{0,8}:')


def forbidden_in(document: dict[str, Any] | list[Any]) -> list[str]:
    """The forbidden names among all keys of a parsed JSON document, at any depth, normalised and sorted; [] for none."""
    found: set[str] = set()
    pending: list[Any] = [document]
    for value in pending:
        if type(value) is dict:
            if not _seen_harmless.issuperset(value):
                found |= _forbidden_among(value.keys() - _seen_harmless)
            if _COLUMN_NAMES in value:
                found |= _forbidden_columns(value[_COLUMN_NAMES])
            value = value.values()
        for inner in value:
            if type(inner) is not str and type(inner) in _NESTED:
                pending.append(inner)
    return sorted(found) if found else []


def forbidden_in_bytes(payload: bytes) -> list[str]:
    """The forbidden names that look like JSON keys in bytes that are not JSON as a whole: truncated, garbled or a stub."""
    keys = (match.group(1).decode("utf-8", "replace") for match in _KEY_IN_BYTES.finditer(payload))
    return sorted({name for name in map(_forbidden_name, keys) if name})


def keyed_hash(payload: bytes, key: bytes) -> str:
    """HMAC-SHA-256 in hex: two dead letters can be seen to be the same message, and nobody without the key can try out
    which pass number it held."""
    return hmac.digest(key, payload, "sha256").hex()


def _forbidden_name(key: str) -> str:
    """The normalised name if it is forbidden, else ""."""
    name = _NOT_A_LETTER_OR_DIGIT.sub("", key).lower()
    if name in FORBIDDEN_FIELDS:
        return name
    return next((part for part in _TELLING_PARTS if part in name), "")


def _forbidden_columns(names: Any) -> set[str]:
    """The forbidden names of columns, which are keys by another way of writing."""
    if type(names) is not list:
        return set()
    return {found for name in names if type(name) is str and (found := _forbidden_name(name))}


def _forbidden_among(keys: Iterable[str]) -> set[str]:
    """The forbidden names among keys not seen before; the harmless ones are remembered."""
    found = set()
    for key in keys:
        name = _forbidden_name(key)
        if name:
            found.add(name)
        elif len(key) <= _LONGEST_USUAL_KEY:
            if len(_seen_harmless) >= _MAX_SEEN:
                _seen_harmless.clear()
            _seen_harmless.add(key)
    return found
