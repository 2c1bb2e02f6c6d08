"""Whether this machine has a network up. An offline machine has none."""

from __future__ import annotations

from pathlib import Path

import click

_INTERFACES = Path("/sys/class/net")

#: Tunnels and some virtual interfaces never say more than "unknown" while they carry traffic.
_CARRYING = {"up", "unknown"}


def networks_up(interfaces: Path = _INTERFACES) -> tuple[str, ...]:
    """Return the names of the network interfaces that are up, the loopback one apart."""
    if not interfaces.is_dir():
        return ()
    return tuple(
        sorted(entry.name for entry in interfaces.iterdir() if _is_up(entry) and entry.name != "lo")
    )


def warn_of_networks() -> None:
    """Say on stderr that this machine is not the kind that keys and accounts belong on."""
    up = networks_up()
    if up:
        click.echo(
            f"Warning: this machine has a network up ({', '.join(up)}). Keys and accounts belong "
            "on a machine that has none.",
            err=True,
        )


def _is_up(interface: Path) -> bool:
    try:
        return (interface / "operstate").read_text(encoding="ascii").strip() in _CARRYING
    except OSError:
        return False
