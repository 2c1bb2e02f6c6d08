"""Signing identities: their public files, and what opens an admin's backups."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from intake import strict_json
from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_bytes
from intake.age.sealing.hybrid import HybridRecipient
from intake.age.sealing.seal import seal_bytes
from intake.errors import DocumentMalformed
from intake.manifest.signing import (
    SigningIdentity,
    parse_admin,
    parse_signer,
    serialise_admin,
    serialise_signer,
)
from intake.secret import Secret
from tests.support.manifests import admin, root

AYE = admin("aye")


def test_public_files_are_read_back_the_same() -> None:
    assert parse_signer(serialise_signer(AYE.public())) == AYE.public()
    assert parse_admin(serialise_admin(AYE.admin())) == AYE.admin()


def test_the_fields_are_the_documented_ones() -> None:
    signer, person = (
        json.loads(data) for data in (serialise_signer(AYE.public()), serialise_admin(AYE.admin()))
    )
    assert list(signer) == ["format", "name", "ed25519", "ml-dsa-65"]
    assert list(person) == ["format", "name", "ed25519", "ml-dsa-65", "recipient"]
    assert (signer["format"], person["format"]) == ("intake-signer-1", "intake-admin-public-1")


@pytest.mark.parametrize(
    ("parse", "wants"),
    [
        (parse_signer, "server.pub of 'intake keys server'"),
        (parse_admin, "NAME.pub of 'intake-keys join'"),
    ],
)
@pytest.mark.parametrize("data", [serialise_signer(AYE.public()), serialise_admin(AYE.admin())])
def test_a_file_of_another_kind_is_refused_with_the_name_of_the_right_one(
    parse: Callable[[bytes], object], wants: str, data: bytes
) -> None:
    if (b"intake-signer" in data) is (parse is parse_signer):
        parse(data)
        return
    with pytest.raises(DocumentMalformed, match=wants):
        parse(data)


@pytest.mark.parametrize("data", [b"", b"[]", b"1", b"{}", strict_json.dumps({"format": 1})])
def test_what_is_no_such_file_at_all_is_refused(data: bytes) -> None:
    for parse in (parse_signer, parse_admin):
        with pytest.raises(DocumentMalformed):
            parse(data)


def test_an_admins_private_keys_open_what_is_sealed_to_their_recipient() -> None:
    sealed = seal_bytes(b"backup", [HybridRecipient.parse(AYE.admin().recipient)])
    assert open_bytes(sealed, [HybridIdentity(AYE.backup_seed())]) == b"backup"


def test_both_private_keys_are_in_the_key_of_backups() -> None:
    one, other = Secret(bytes(32)), Secret(bytes([1]) * 32)
    seeds = {
        SigningIdentity("a", *keys).backup_seed().reveal()
        for keys in ((one, one), (one, other), (other, one), (other, other))
    }
    assert len(seeds) == 4
    assert not seeds & {one.reveal(), other.reveal()}


def test_the_name_is_not_in_the_key_of_backups() -> None:
    """An admin who is called otherwise in a next deployment's file opens the same."""
    same = SigningIdentity("b", AYE.ed25519, AYE.ml_dsa_65)
    assert same.backup_seed().reveal() == AYE.backup_seed().reveal()
    assert root("aye").admins[0].recipient == same.admin().recipient
