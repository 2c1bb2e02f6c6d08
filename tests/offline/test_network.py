from __future__ import annotations

from pathlib import Path

import pytest

from intake.offline.network import networks_up


@pytest.mark.parametrize(
    ("states", "up"),
    [
        ({}, ()),
        ({"lo": "unknown"}, ()),
        ({"lo": "unknown", "eth0": "down", "wlan0": "dormant"}, ()),
        ({"lo": "unknown", "wlan0": "up\n", "eth0": "up\n"}, ("eth0", "wlan0")),
        ({"tun0": "unknown\n", "usb0": "lowerlayerdown\n"}, ("tun0",)),
        ({"odd": None}, ()),
    ],
)
def test_which_interfaces_are_up(
    states: dict[str, str | None], up: tuple[str, ...], tmp_path: Path
) -> None:
    for name, state in states.items():
        (tmp_path / name).mkdir()
        if state is not None:
            (tmp_path / name / "operstate").write_text(state)
    assert networks_up(tmp_path) == up


def test_a_machine_without_the_folder_has_none(tmp_path: Path) -> None:
    assert networks_up(tmp_path / "missing") == ()
