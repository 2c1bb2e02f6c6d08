"""``intake-keys vaults``: whose vaults may acknowledge, and how many of them must."""

from __future__ import annotations

from collections.abc import Sequence

import click

from intake.command_line import json_option, print_json, today
from intake.errors import ManifestRefused
from intake.manifest.dsse import ed25519_keyid
from intake.manifest.fingerprint import signer_fingerprint
from intake.manifest.model import Manifest, Signer
from intake.manifest.signing import serialise_signer
from intake.offline.admin.options import Options, acks_option
from intake.offline.admin.saving import save
from intake.offline.admin.vaults import changed_vaults, readmitted, vault_of
from intake.offline.safe_names import printable


@click.command()
@click.option(
    "--remove", multiple=True, metavar="NAME", help="A vault that may not acknowledge any more."
)
@click.option(
    "--readmit", multiple=True, metavar="NAME", help="A vault that was removed, with its old key."
)
@acks_option
@json_option
@click.pass_obj
def vaults(
    options: Options,
    remove: tuple[str, ...],
    readmit: tuple[str, ...],
    acks_required: int | None,
    as_json: bool,
) -> None:
    """List the vaults that may acknowledge; with options, change them.

    The server deletes an account when as many of them as are required have signed that they hold
    it. A vault comes in with its reviewer's file ('add-recipients'). Remove one that is lost or
    stolen, so that nobody can have an account deleted that no reviewer holds.
    """
    home = options.admin_home()
    home.root()
    before = manifest = home.pending(today())
    if remove or readmit or acks_required:
        history = home.history()
        for name in readmit:
            manifest = readmitted(manifest, name, history)
        _check_signed_for(manifest, remove, history)
        manifest = changed_vaults(manifest, remove=remove, acks_required=acks_required)
    if as_json:
        print_json(_document(manifest))
    else:
        for vault in manifest.vaults:
            click.echo(f"vault: {printable(vault.name)}: {_words(vault)}")
        click.echo(f"acknowledgements required: {manifest.acks_required}")
    if manifest != before:
        save(home, manifest, aside=as_json)


def _check_signed_for(
    manifest: Manifest, names: Sequence[str], history: Sequence[Manifest]
) -> None:
    """Refuse to remove a vault that only waits to be signed.

    Its reviewer's recipients wait beside it, and their words are those of the whole file.
    """
    for name in names:
        vault = vault_of(manifest, name)
        if vault is not None and not any(vault in version.vaults for version in history):
            raise ManifestRefused(
                f"The vault {name} came with the version that waits to be signed: 'intake-keys "
                "discard' drops it, with everything else in that version."
            )


def _document(manifest: Manifest) -> dict[str, object]:
    return {
        "vaults": [
            {
                "name": vault.name,
                "keyid": ed25519_keyid(vault.key),
                "fingerprint": _words(vault),
            }
            for vault in manifest.vaults
        ],
        "acks_required": manifest.acks_required,
    }


def _words(vault: Signer) -> str:
    return signer_fingerprint(serialise_signer(vault))
