"""The server's signing identity: it signs bundles, so that the vaults know whose they are.

It opens nothing. Two seeds stand in ``state/signing.key``; the admins name the public half in the
manifest ('intake-keys add-server').
"""

from __future__ import annotations

from pathlib import Path

from intake.manifest.signing import SEED_SIZE, SigningIdentity
from intake.online.server_keys import load_or_create
from intake.secret import Secret

_NAME = "signing.key"


def load_signing_key(state: Path) -> SigningIdentity:
    """Read the identity from the ``state`` folder; make it there the first time.

    Raises:
        StoreUnavailable: the folder cannot be used, or the file is damaged.
    """
    seeds = load_or_create(state / _NAME, 2 * SEED_SIZE).reveal()
    return SigningIdentity("server", Secret(seeds[:SEED_SIZE]), Secret(seeds[SEED_SIZE:]))
