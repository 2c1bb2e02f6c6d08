"""The addresses that the settings name: where *Leave* goes, and the onion service.

A wrong one would be found by a witness, in a hurry: so each is judged when the settings are read.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from intake.errors import SettingsMistaken

#: What an address is made of (RFC 3986, section 2): no white space, no control, no backslash.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
#: A name or an IPv4 address; what stands in brackets is read as IPv6.
_HOST = re.compile(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*\.?")
_ONION = re.compile(r"https?://[a-z2-7]{56}\.onion")

MOST_CHARACTERS = 2000


def public_page(address: str) -> str:
    """Return ``address`` if a browser can be sent there.

    Raises:
        SettingsMistaken: it is none of a page, or names a user, whom any page would be told.
    """
    if _ADDRESS.fullmatch(address) and len(address) <= MOST_CHARACTERS and _is_somewhere(address):
        return address
    raise SettingsMistaken(
        "The setting pages.leave_to must be the http or https address of a page, such as "
        '"https://www.example.org/weather", without a user\'s name in it.'
    )


def _is_somewhere(address: str) -> bool:
    """Return whether an address names a host, and a port that there is if it names one."""
    try:
        parts = urlsplit(address)
        return _is_host(parts) and parts.port != 0 and parts.username is None
    except ValueError:  # brackets around no IPv6 address, or a port beyond 65535
        return False


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    return ":" in host or _HOST.fullmatch(host) is not None


def onion_service(address: str) -> str:
    """Return ``address`` if it is an onion service's, or empty.

    Raises:
        SettingsMistaken: it is something else.
    """
    if address and _ONION.fullmatch(address) is None:
        raise SettingsMistaken(
            "The setting pages.onion must be the address of an onion service, without a path: "
            '"http://" and 56 letters and digits and ".onion".'
        )
    return address
