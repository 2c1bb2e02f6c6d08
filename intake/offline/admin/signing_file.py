"""An admin's signing identity on disk: both seeds, behind a passphrase."""

from __future__ import annotations

from pathlib import Path

from intake import strict_json
from intake.age.opening.open import open_bytes
from intake.age.opening.passphrase import PassphraseIdentity
from intake.age.sealing.passphrase import PassphraseRecipient
from intake.age.sealing.seal import seal_bytes
from intake.durable import write_file
from intake.errors import AgeError, DocumentMalformed, VaultUnusable, WrongPassphrase
from intake.manifest.signing import SEED_SIZE, SigningIdentity
from intake.secret import Secret
from intake.strict_json import Fields, octets

_FORMAT = "intake-admin-1"


def save_signing(
    path: Path, identity: SigningIdentity, passphrase: Secret, *, work_factor: int
) -> None:
    """Write an identity, sealed to the passphrase."""
    document = {
        "format": _FORMAT,
        "name": identity.name,
        "ed25519": octets(identity.ed25519.reveal()),
        "ml-dsa-65": octets(identity.ml_dsa_65.reveal()),
    }
    recipient = PassphraseRecipient(passphrase, work_factor)
    write_file(path, seal_bytes(strict_json.dumps(document), [recipient]))


def load_signing(path: Path, passphrase: Secret) -> SigningIdentity:
    """Read an identity.

    Raises:
        WrongPassphrase: the passphrase is another.
        VaultUnusable: the file is missing or damaged.
    """
    try:
        plaintext = open_bytes(path.read_bytes(), [PassphraseIdentity(passphrase)])
        fields = Fields(strict_json.loads(plaintext), "admin's key file")
        fields.take("format", str)
        return SigningIdentity(
            name=fields.take("name", str),
            ed25519=Secret(fields.octets("ed25519", SEED_SIZE)),
            ml_dsa_65=Secret(fields.octets("ml-dsa-65", SEED_SIZE)),
        )
    except WrongPassphrase:
        raise WrongPassphrase("This is not the admin's passphrase; try again.") from None
    except (OSError, AgeError, DocumentMalformed) as error:
        raise VaultUnusable(f"{path} is missing or damaged; restore a copy of it.") from error
