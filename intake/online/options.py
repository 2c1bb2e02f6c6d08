"""What stands before every command of ``intake``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from intake.errors import SettingsMistaken
from intake.online.keys_in_force import KeysInForce
from intake.online.restoring import finish_restoration
from intake.online.settings import Settings, find_settings, read_settings

_ROOT_USER = 0


@dataclass(frozen=True)
class Options:
    """The options before the command."""

    config: str | None

    def settings(self) -> Settings:
        """Read the settings.

        Raises:
            SettingsMistaken: they are missing or wrong, or we are the wrong user.
        """
        settings = self.unfinished_settings()
        # Killed at the very end, a restoration left its files one folder too deep.
        finish_restoration(settings.state)
        return settings

    def unfinished_settings(self) -> Settings:
        """Read the settings, whether or not a restoration has still to be finished.

        Raises:
            SettingsMistaken: they are missing or wrong, or we are the wrong user.
        """
        settings = read_settings(find_settings(self.config, os.environ))
        _refuse_to_be_root(settings.state)
        return settings

    def keys(self) -> KeysInForce:
        """Return the keys in force; the store need not answer for that, nor the root be there."""
        settings = self.settings()
        return KeysInForce(root=settings.root, manifest=settings.manifest, state=settings.state)


def _refuse_to_be_root(state: Path) -> None:
    """Refuse to leave files that the server's own user could not use any more."""
    if os.geteuid() != _ROOT_USER or not state.exists() or state.stat().st_uid == _ROOT_USER:
        return
    try:
        owner = state.owner()
    except KeyError:  # nobody of that number has a name here
        owner = f"'#{state.stat().st_uid}'"
    raise SettingsMistaken(
        f"Run this as the user that the server runs as, who owns {state}: sudo -u {owner} "
        "intake ..."
    )
