"""tests/vectors/manifest.json: a root, two versions, and what they are believed to say.

ML-DSA signs with fresh randomness, so the file carries the signed bytes; seeds are given so that
other implementations can try their signing too.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.errors import ManifestRefused
from intake.manifest import dsse
from intake.manifest.acceptance import NOTHING_SEEN, accept_chain, epoch_in_force
from intake.manifest.calendar import EpochLength
from intake.manifest.chain import parse_chain, serialise_chain
from intake.manifest.fingerprint import manifest_fingerprint, root_fingerprint
from intake.manifest.model import Epoch, Manifest, ReceiptParameters, Recipient, Role, Root
from intake.manifest.payload import parse_root, serialise_manifest, serialise_root
from intake.manifest.signing import SigningIdentity
from intake.secret import Secret
from tests.support.vectors import vectors

DAY = dt.date(2026, 11, 23)


def identity(name: str, number: int) -> SigningIdentity:
    return SigningIdentity(name, Secret(bytes([number]) * 32), Secret(bytes([number + 1]) * 32))


ADMINS = [identity("aye", 1), identity("ba", 3)]
SERVER, *VAULTS = identity("server", 10), identity("chit", 12), identity("daw", 14)


def recipient(number: int, role: Role) -> Recipient:
    seed = Secret(bytes([number]) * 32)
    return Recipient(f"{role.value}-{number}", role, str(HybridIdentity(seed).recipient()))


def make() -> dict[str, Any]:
    aye, ba = (admin.admin() for admin in ADMINS)
    root = Root("Example", 1, (aye,))
    november = Epoch(
        "2026-11",
        dt.date(2026, 11, 1),
        dt.date(2026, 12, 1),
        (recipient(5, Role.REVIEWERS), recipient(6, Role.CUSTODIANS)),
    )
    december = Epoch(
        "2026-12", dt.date(2026, 12, 1), dt.date(2027, 1, 1), (recipient(7, Role.REVIEWERS),)
    )
    first = Manifest(
        organisation="Example",
        version=1,
        issued=DAY,
        expires=DAY + dt.timedelta(days=400),
        previous=None,
        threshold=1,
        admins=(aye,),
        epoch_length=EpochLength.MONTH,
        epochs=(november,),
        revocations=(),
        server=None,
        vaults=(),
        acks_required=1,
        receipt=ReceiptParameters(bytes(range(32)), 4096, 1, 1),
    )
    signed = ADMINS[0].sign(dsse.Envelope(dsse.MANIFEST_TYPE, serialise_manifest(first), ()))
    second = dataclasses.replace(
        first,
        version=2,
        previous=signed.digest(),
        threshold=2,
        admins=(aye, ba),
        epochs=(november, december),
        revocations=(november.recipients[0].recipient,),
        server=SERVER.public().key,
        vaults=tuple(vault.public() for vault in VAULTS),
        acks_required=2,
    )
    unsigned = dsse.Envelope(dsse.MANIFEST_TYPE, serialise_manifest(second), ())
    chain = (signed, ADMINS[1].sign(ADMINS[0].sign(unsigned)))
    return {
        "admins": [
            {
                "name": admin.name,
                "ed25519_seed": admin.ed25519.reveal().hex(),
                "ml_dsa_65_seed": admin.ml_dsa_65.reveal().hex(),
                "ed25519_keyid": dsse.ed25519_keyid(admin.public().key),
                "ml_dsa_65_keyid": dsse.ml_dsa_65_keyid(admin.public().key),
                "backup_identity": HybridIdentity(admin.backup_seed()).encode(),
                "recipient": admin.admin().recipient,
            }
            for admin in ADMINS
        ],
        "root.pub": serialise_root(root).decode(),
        "manifest.json": serialise_chain(chain).decode(),
        "payload_sha256": [envelope.digest() for envelope in chain],
        "fingerprints": {
            "root": root_fingerprint(serialise_root(root)),
            "manifest": manifest_fingerprint(chain[-1].payload),
        },
        "accepted": {
            "version": 2,
            "on": "2026-12-24",
            "epoch": "2026-12",
            "reviewers": [december.recipients[0].recipient],
            "custodians": [],
            "vaults": [dsse.ed25519_keyid(vault.public().key) for vault in VAULTS],
            "acks_required": 2,
        },
        "refused_on": "2027-12-29",
        "no_epoch_in_force_on": "2026-11-23",
    }


VECTOR = vectors("manifest", make)
ROOT = parse_root(VECTOR["root.pub"].encode())
CHAIN = parse_chain(VECTOR["manifest.json"].encode())


def test_the_seeds_are_the_keys() -> None:
    for given, admin in zip(VECTOR["admins"], ADMINS, strict=True):
        seeds = (bytes.fromhex(given["ed25519_seed"]), bytes.fromhex(given["ml_dsa_65_seed"]))
        again = SigningIdentity(given["name"], Secret(seeds[0]), Secret(seeds[1])).public()
        assert again == admin.public()
        assert dsse.ed25519_keyid(again.key) == given["ed25519_keyid"]
        assert dsse.ml_dsa_65_keyid(again.key) == given["ml_dsa_65_keyid"]
        assert HybridIdentity(admin.backup_seed()).encode() == given["backup_identity"]
        assert admin.admin().recipient == given["recipient"]
    assert ROOT.admins == (ADMINS[0].admin(),)


def test_the_chain_is_accepted_as_published() -> None:
    expected = VECTOR["accepted"]
    today = dt.date.fromisoformat(expected["on"])
    accepted = accept_chain(ROOT, CHAIN, today=today, seen=NOTHING_SEEN)
    assert accepted.version == expected["version"]
    assert epoch_in_force(accepted, today).id == expected["epoch"]
    for role in Role:
        found = [entry.recipient for entry in accepted.recipients_on(today, role)]
        assert found == expected[role.value]
    assert [dsse.ed25519_keyid(vault.key) for vault in accepted.vaults] == expected["vaults"]
    assert accepted.acks_required == expected["acks_required"]
    assert [envelope.digest() for envelope in CHAIN] == VECTOR["payload_sha256"]


def test_the_words_are_the_published_ones() -> None:
    assert VECTOR["fingerprints"] == {
        "root": root_fingerprint(VECTOR["root.pub"].encode()),
        "manifest": manifest_fingerprint(CHAIN[-1].payload),
    }


def test_on_other_days_it_is_not() -> None:
    with pytest.raises(ManifestRefused):
        accept_chain(
            ROOT, CHAIN, today=dt.date.fromisoformat(VECTOR["refused_on"]), seen=NOTHING_SEEN
        )
    revoked = dt.date.fromisoformat(VECTOR["no_epoch_in_force_on"])
    accepted = accept_chain(ROOT, CHAIN, today=revoked, seen=NOTHING_SEEN)
    assert accepted.recipients_on(revoked, Role.REVIEWERS) == ()


def test_the_bytes_are_the_ones_that_we_write() -> None:
    again = make()
    assert again["root.pub"] == VECTOR["root.pub"]
    assert again["payload_sha256"] == VECTOR["payload_sha256"]
    assert serialise_chain(CHAIN).decode() == VECTOR["manifest.json"]
    assert json.loads(VECTOR["manifest.json"])["format"] == "intake-manifest-chain-1"
