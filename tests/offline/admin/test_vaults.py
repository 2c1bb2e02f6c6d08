"""Which vaults may acknowledge: as pure changes of the manifest, and as an admin types them."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from intake.errors import ManifestRefused
from intake.manifest import dsse
from intake.manifest.fingerprint import recipients_fingerprint, signer_fingerprint
from intake.manifest.model import Epoch, Manifest, Role, Signer, SigningKey
from intake.manifest.signing import serialise_signer
from intake.offline.admin.changes import changes
from intake.offline.admin.next_version import revoked, successor, with_recipients
from intake.offline.admin.vaults import (
    changed_vaults,
    key_brought,
    readmitted,
    was_removed,
    with_vault,
)
from intake.offline.recipients_file import RecipientsFile, serialise_recipients
from tests.offline.admin.test_cli import admin as program_at
from tests.offline.admin.test_cli import recipients_file
from tests.offline.admin.test_next_version import EMPTY, TWO_PEOPLE, brought
from tests.support.ceremonies import THIS_MONTH, new_room
from tests.support.manifests import TODAY, admin, epoch, public, recipient
from tests.support.vaults import Program


def key(name: str) -> SigningKey:
    """Return the key of a vault, the same in a whole run."""
    return admin(f"{name}'s vault").public().key


def words(name: str, of: SigningKey | None = None) -> str:
    return signer_fingerprint(serialise_signer(Signer(name, of or key(name))))


def next_of(manifest: Manifest) -> Manifest:
    return successor(manifest, "0" * 64, TODAY)


BOTH = with_vault(with_vault(TWO_PEOPLE, "aye", key("aye")), "ba", key("ba"))
#: Ba's vault was signed for in version 1 and taken out in version 2.
WITHOUT_BA = changed_vaults(next_of(BOTH), remove=["ba"])
HISTORY = (BOTH, WITHOUT_BA)


def names(manifest: Manifest) -> list[str]:
    return [vault.name for vault in manifest.vaults]


# --- what a file brings ----------------------------------------------------------------------


def test_a_file_brings_its_vault() -> None:
    assert BOTH.vaults == (Signer("aye", key("aye")), Signer("ba", key("ba")))
    assert BOTH.acks_required == 1


def test_the_same_key_again_changes_nothing() -> None:
    assert with_vault(BOTH, "aye", key("aye")) == BOTH
    assert with_vault(BOTH, "aye", key("aye"), HISTORY) == BOTH


def test_a_quorum_brings_none() -> None:
    assert with_vault(BOTH, "quorum", None, HISTORY) == BOTH


OTHER = key("other")


@pytest.mark.parametrize(
    ("name", "brings", "says"),
    [
        ("aye", OTHER, "vaults --remove aye"),
        ("aye", OTHER, "'intake-review init --name'"),
        ("aye", key("ba"), "another vault called aye"),
        ("aye", None, "--name"),
        ("ba", None, "a reviewer's vault"),
        ("ba", None, "keys show --role custodians --out FILE"),
        ("chit", key("aye"), "was copied"),
        ("chit", public("a")[0].key, "was copied"),
        ("chit", SigningKey(key("aye").ed25519, OTHER.ml_dsa_65), "was copied"),
        ("chit", SigningKey(OTHER.ed25519, key("aye").ml_dsa_65), "was copied"),
    ],
)
def test_a_file_that_would_take_anothers_place_is_refused(
    name: str, brings: SigningKey | None, says: str
) -> None:
    with pytest.raises(ManifestRefused, match=says):
        with_vault(BOTH, name, brings, (BOTH,))


def test_the_servers_key_is_no_vaults() -> None:
    with pytest.raises(ManifestRefused, match="was copied"):
        with_vault(dataclasses.replace(BOTH, server=OTHER), "chit", OTHER)


# --- what was taken out ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "brings"),
    [
        ("ba", key("ba")),
        # The thief of a laptop calls it by another name, or makes half of a new key.
        ("chit", key("ba")),
        ("chit", SigningKey(key("ba").ed25519, OTHER.ml_dsa_65)),
        ("chit", SigningKey(OTHER.ed25519, key("ba").ml_dsa_65)),
    ],
)
@pytest.mark.parametrize("since", range(3))
def test_a_vault_that_was_taken_out_does_not_come_back_with_an_old_file(
    name: str, brings: SigningKey, since: int
) -> None:
    later = (next_of(WITHOUT_BA),) * since
    pending = (WITHOUT_BA, *later)[-1]
    history = (BOTH, *later)
    assert was_removed(pending, brings, history)
    assert with_vault(pending, name, brings, history) == pending


def test_a_new_vault_takes_the_place_of_a_lost_one() -> None:
    found = with_vault(WITHOUT_BA, "ba", OTHER, HISTORY)
    assert found.vaults[-1] == Signer("ba", OTHER)
    # And the lost one's file is passed over all the same, or refused.
    with pytest.raises(ManifestRefused, match="another vault called ba"):
        with_vault(found, "ba", key("aye"), HISTORY)
    assert with_vault(found, "ba", key("ba"), HISTORY) == found


def test_a_vault_taken_out_by_mistake_is_readmitted_by_name() -> None:
    assert readmitted(WITHOUT_BA, "ba", HISTORY).vaults == BOTH.vaults


@pytest.mark.parametrize(
    ("manifest", "name", "says"),
    [
        (WITHOUT_BA, "aye", "already"),
        (WITHOUT_BA, "chit", "add-recipients"),
        (dataclasses.replace(WITHOUT_BA, server=key("ba")), "ba", "was copied"),
    ],
)
def test_who_cannot_be_readmitted(manifest: Manifest, name: str, says: str) -> None:
    with pytest.raises(ManifestRefused, match=says):
        readmitted(manifest, name, HISTORY)


# --- how many must acknowledge ---------------------------------------------------------------

STRICT = changed_vaults(BOTH, acks_required=2)


@pytest.mark.parametrize(
    ("remove", "asked", "left", "required"),
    [
        ([], 2, ["aye", "ba"], 2),
        ([], 1, ["aye", "ba"], 1),
        ([], None, ["aye", "ba"], 2),
        (["ba"], 1, ["aye"], 1),
        (["aye"], 1, ["ba"], 1),
        (["aye", "ba"], 1, [], 1),
    ],
)
def test_vaults_leave_and_acknowledgements_are_asked_for(
    remove: Sequence[str], asked: int | None, left: list[str], required: int
) -> None:
    found = changed_vaults(STRICT, remove=remove, acks_required=asked)
    assert (names(found), found.acks_required) == (left, required)


@pytest.mark.parametrize(
    ("remove", "asked", "says"),
    [
        (["chit"], None, "no vault chit; there are: aye, ba"),
        ([], 3, "--acks-required 2"),
        (["ba"], None, "--acks-required 1"),
        (["ba"], 2, "add-recipients"),
        (["aye", "ba"], None, "--acks-required 1"),
    ],
)
def test_the_number_is_never_lowered_unasked_nor_out_of_reach(
    remove: Sequence[str], asked: int | None, says: str
) -> None:
    with pytest.raises(ManifestRefused, match=says):
        changed_vaults(STRICT, remove=remove, acks_required=asked)


def test_a_person_who_is_revoked_takes_their_vault_along() -> None:
    assert names(revoked(BOTH, "ba")) == ["aye"]
    assert names(revoked(BOTH, "ba", epoch="2026-12")) == ["aye", "ba"]
    assert names(revoked(BOTH, "2026-12")) == ["aye", "ba"]
    assert names(revoked(BOTH, BOTH.epochs[0].recipients[1].recipient)) == ["aye", "ba"]


def test_a_vault_that_came_back_is_taken_out_of_somebody_revoked_before() -> None:
    again = readmitted(revoked(BOTH, "ba"), "ba", (BOTH,))
    assert names(revoked(again, "ba")) == ["aye"]
    with pytest.raises(ManifestRefused, match="revoked already"):
        revoked(revoked(again, "ba"), "ba")


def test_revoking_one_of_two_who_must_acknowledge_says_what_to_add() -> None:
    with pytest.raises(ManifestRefused, match="--acks-required 1 in this command"):
        revoked(STRICT, "ba")
    found = revoked(STRICT, "ba", acks_required=1)
    assert (names(found), found.acks_required) == (["aye"], 1)


# --- what is shown to who signs --------------------------------------------------------------

REQUIRED = "acknowledgements needed before the server deletes: "


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            TWO_PEOPLE,
            BOTH,
            [
                f"new vault of aye, which may acknowledge: {words('aye')}",
                f"new vault of ba, which may acknowledge: {words('ba')}",
                f"{REQUIRED}1 of 2",
            ],
        ),
        (
            BOTH,
            changed_vaults(BOTH, remove=["ba"]),
            [
                f"no longer a vault that may acknowledge: ba: {words('ba')}",
                f"{REQUIRED}1 of 1",
            ],
        ),
        (BOTH, STRICT, [f"{REQUIRED}2 of 2"]),
        (STRICT, BOTH, [f"{REQUIRED}1 of 2"]),
        (
            BOTH,
            with_vault(WITHOUT_BA, "ba", OTHER, HISTORY),
            [
                f"new vault of ba, which may acknowledge: {words('ba', OTHER)}",
                f"no longer a vault that may acknowledge: ba: {words('ba')}",
                f"{REQUIRED}1 of 2",
            ],
        ),
        (BOTH, BOTH, []),
        (None, dataclasses.replace(EMPTY, epochs=()), []),
    ],
)
def test_each_change_of_vaults_is_a_line_with_words_to_compare(
    before: Manifest | None, after: Manifest, told: list[str]
) -> None:
    lines = [line for line in changes(before, after)[1:] if "acknowledge" in line]
    assert lines == told


FILE = brought("ba", TODAY, 2)


@pytest.mark.parametrize(
    ("before", "brings", "history"),
    [
        (EMPTY, key("ba"), ()),
        (EMPTY, None, ()),
        # In the manifest since before, lost and replaced, taken out and passed over.
        (with_vault(EMPTY, "ba", key("ba")), key("ba"), ()),
        (dataclasses.replace(WITHOUT_BA, epochs=()), OTHER, HISTORY),
        (dataclasses.replace(WITHOUT_BA, epochs=()), key("ba"), HISTORY),
    ],
)
@pytest.mark.parametrize("role", Role)
def test_the_words_of_new_recipients_are_those_of_the_file_that_brought_them(
    before: Manifest, brings: SigningKey | None, history: Sequence[Manifest], role: Role
) -> None:
    file = RecipientsFile(brought("ba", TODAY, 2, role=role), brings)
    after = with_vault(with_recipients(before, file.epochs), "ba", brings, history)
    expected = recipients_fingerprint(serialise_recipients(file))
    told = [line for line in changes(before, after, history) if line.startswith("new recipients")]
    assert [line.rsplit(": ", 1)[1] for line in told] == [expected]


def test_the_words_are_others_when_only_the_vaults_key_was_changed() -> None:
    """Whoever carries the stick cannot put a vault of their own beside a reviewer's recipients."""
    of_each = {
        recipients_fingerprint(serialise_recipients(RecipientsFile(FILE, brings)))
        for brings in (
            *(None, key("ba"), OTHER),
            SigningKey(OTHER.ed25519, key("ba").ml_dsa_65),
            SigningKey(key("ba").ed25519, OTHER.ml_dsa_65),
        )
    }
    assert len(of_each) == 5
    assert key_brought(BOTH, "ba", ()) == key("ba")


# --- as it is typed --------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = program_at(tmp_path)
    program.well("init", "--organisation", "Example", "--admin", "aye", "--work-factor", "10")
    return program


_MADE = itertools.count(100)


def bring(folder: Path, name: str, vault: str | None = None) -> Path:
    """Return the file in which somebody brings new recipients, and the key of their vault."""
    own = dataclasses.replace(recipient(next(_MADE)), name=name)
    period = epoch(
        id=THIS_MONTH.id, begins=THIS_MONTH.begins, ends=THIS_MONTH.ends, recipients=(own,)
    )
    path = folder / f"{name}.json"
    path.write_bytes(recipients_file((period,), f"{vault or name}'s vault"))
    return path


def test_two_reviewers_bring_their_vaults_and_both_must_acknowledge(
    program: Program, tmp_path: Path
) -> None:
    assert program.well("vaults") == "acknowledgements required: 1\n"
    told = program.well("add-recipients", bring(tmp_path, "ba"))
    assert "ba's vault may acknowledge.\n" in told
    assert "lets it wait" not in told
    told = program.well("add-recipients", bring(tmp_path, "chit"))
    assert "chit's vault may acknowledge.\n" in told
    assert "'intake-keys vaults --acks-required 2' lets it wait for all" in told
    told = program.well("vaults", "--acks-required", "2")
    assert told == (
        f"vault: ba: {words('ba')}\nvault: chit: {words('chit')}\n"
        "acknowledgements required: 2\nVersion 1 must be signed now: 'intake-keys sign'.\n"
    )
    signed = program.well("sign")
    assert f"new vault of ba, which may acknowledge: {words('ba')}" in signed
    assert f"{REQUIRED}2 of 2" in signed
    shown = json.loads(program.well("show", "--json"))
    assert (shown["vaults"], shown["acks_required"]) == (["ba", "chit"], 2)
    assert "vaults: ba, chit\n" in program.well("show")


def test_listing_is_for_programs_too(program: Program, tmp_path: Path) -> None:
    program.well("add-recipients", bring(tmp_path, "ba"))
    expected = {
        "vaults": [
            {"name": "ba", "keyid": dsse.ed25519_keyid(key("ba")), "fingerprint": words("ba")}
        ],
        "acks_required": 1,
    }
    assert json.loads(program.well("vaults", "--json")) == expected
    program.well("add-recipients", bring(tmp_path, "chit"))
    changed = program("vaults", "--acks-required", "2", "--json")
    assert json.loads(changed.out)["acks_required"] == 2
    assert "must be signed now" in changed.err


def test_bringing_more_recipients_says_nothing_of_a_vault_that_is_known(
    program: Program, tmp_path: Path
) -> None:
    program.well("add-recipients", bring(tmp_path, "ba"))
    program.well("sign")
    assert "acknowledge" not in program.well("add-recipients", bring(tmp_path, "ba"))


def test_a_lost_vault_is_removed_and_does_not_come_back_by_itself(
    program: Program, tmp_path: Path
) -> None:
    old = bring(tmp_path, "ba")
    program.well("add-recipients", old)
    assert "'intake-keys discard'" in program.fails("vaults", "--remove", "ba")
    program.well("sign")
    assert "vaults --remove ba" in program.fails("add-recipients", bring(tmp_path, "ba", "new"))
    assert "ba's vault" not in program.well("vaults", "--remove", "ba")
    again = program("add-recipients", bring(tmp_path, "ba"))
    assert again.status == 0
    assert any("may not acknowledge" in warning for warning in again.warnings)
    assert "ba's vault may acknowledge." not in again.out
    assert json.loads(program.well("vaults", "--json"))["vaults"] == []
    assert "ba's vault may acknowledge." in program.well(
        "add-recipients", bring(tmp_path, "ba", "new")
    )
    signed = program.well("sign")
    assert f"no longer a vault that may acknowledge: ba: {words('ba')}" in signed
    assert f"new vault of ba, which may acknowledge: {words('ba', key('new'))}" in signed


def test_a_vault_removed_by_mistake_is_readmitted(program: Program, tmp_path: Path) -> None:
    program.well("add-recipients", bring(tmp_path, "ba"))
    program.well("sign")
    program.well("vaults", "--remove", "ba")
    program.well("sign")
    assert "vault: ba: " in program.well("vaults", "--readmit", "ba")
    assert f"new vault of ba, which may acknowledge: {words('ba')}" in program.well("sign")


def test_a_person_is_revoked_with_their_vault_and_who_is_left_must_suffice(
    program: Program, tmp_path: Path
) -> None:
    for name in ("ba", "chit"):
        program.well("add-recipients", bring(tmp_path, name))
    program.well("vaults", "--acks-required", "2")
    program.well("sign")
    assert "--acks-required 1" in program.fails("revoke", "ba")
    told = program.well("revoke", "ba", "--acks-required", "1")
    assert f"no longer a vault that may acknowledge: ba: {words('ba')}" in told
    assert f"{REQUIRED}1 of 1" in told
    assert [v["name"] for v in json.loads(program.well("vaults", "--json"))["vaults"]] == ["chit"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--remove", "ba"), "There is no vault ba; there are: none."),
        (("--readmit", "ba"), "No vault ba was ever signed for"),
        (("--acks-required", "2"), "add-recipients"),
    ],
)
def test_mistakes_are_one_sentence(program: Program, arguments: tuple[str, ...], says: str) -> None:
    assert says in program.fails("vaults", *arguments)
    assert json.loads(program.well("show", "--json"))["waiting"] == 1
    assert program("vaults", "--acks-required", "0").status == 2


def test_a_quorum_is_not_called_as_a_reviewers_vault(tmp_path: Path) -> None:
    """Its file, which brings no vault's key, could not be told from the reviewer's by its words."""
    room = new_room(tmp_path)
    room.program.well("add-recipients", bring(tmp_path, "quorum"))
    refused = room.program.fails(
        "ceremony", "--epoch", THIS_MONTH.id, "--quorum", "2-of-3", "--name", "quorum"
    )
    assert "--name" in refused


def test_who_is_a_custodian_first_and_reviews_later(program: Program, tmp_path: Path) -> None:
    """A custodian's file brings no key until the vault reviews; from then on each file does."""

    def file(name: str, epochs: Sequence[Epoch], brings: SigningKey | None) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_bytes(serialise_recipients(RecipientsFile(tuple(epochs), brings)))
        return path

    period = epoch(id=THIS_MONTH.id, begins=THIS_MONTH.begins, ends=THIS_MONTH.ends)
    of = {
        role: [
            dataclasses.replace(
                period,
                recipients=(dataclasses.replace(recipient(next(_MADE)), name="ba", role=role),),
            )
        ]
        for role in Role
    }
    alone = file("alone", of[Role.CUSTODIANS], None)
    told = program.well("add-recipients", alone)
    assert "acknowledge" not in told
    done = program("add-recipients", file("reviewer", of[Role.REVIEWERS], key("ba")))
    assert "ba's vault may acknowledge.\n" in done.out
    [warning] = done.warnings
    assert "keys show --role custodians --out FILE" in warning
    # The file from before is refused, and that with the key is the one whose words are signed.
    assert "keys show --role custodians" in program.fails("add-recipients", alone)
    again = file("again", of[Role.CUSTODIANS], key("ba"))
    done = program("add-recipients", again)
    assert (done.status, done.warnings) == (0, [])
    signed = program.well("sign")
    assert f"(custodians), epoch {THIS_MONTH.id}: {recipients_fingerprint(again.read_bytes())}" in (
        signed
    )
    assert program.well("vaults").startswith(f"vault: ba: {words('ba')}\n")
