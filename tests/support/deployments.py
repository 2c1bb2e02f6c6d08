"""A deployment in a temporary folder, made with the real parts of both halves."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from werkzeug.test import Client, TestResponse

from intake.age.opening.hybrid import HybridIdentity
from intake.age.opening.open import open_age
from intake.manifest import dsse
from intake.manifest.calendar import EpochLength
from intake.manifest.chain import serialise_chain
from intake.manifest.model import Epoch, Manifest, ReceiptParameters, Recipient, Role, Root
from intake.manifest.payload import parse_root, serialise_manifest, serialise_root
from intake.manifest.signing import SigningIdentity
from intake.offline.unpacking import Envelope
from intake.online.deployment import Deployment
from intake.online.high_water import HighWater
from intake.online.keys_in_force import KeysInForce
from intake.online.settings import Limits, Settings, read_settings
from intake.online.store.submissions import Arrival
from tests.support.submissions import seal

TODAY = dt.date(2026, 11, 23)

#: Somebody who is a recipient of a later epoch: each epoch has keys of its own.
HEIR = Recipient("heir", Role.REVIEWERS, str(HybridIdentity.generate().recipient()))
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC).timestamp()

SETTINGS = """\
[server]
listen = "127.0.0.1:{port}"
hosts = ["127.0.0.1", "localhost"]
workers = 2
threads = {threads}
[keys]
root = "root.pub"
manifest = "manifest.json"
[store]
state = "state"
{database}
[pages]
organisation = "Test & <Co>"
[limits]
disk_reserve = 0
"""


@dataclass
class Scene:
    """One deployment, with the private keys that a test may use."""

    folder: Path
    admin: SigningIdentity
    reviewer: HybridIdentity
    manifest: Manifest
    settings: Settings
    #: What the reviewer's vault signs with.
    vault: SigningIdentity
    custodian: HybridIdentity | None = None
    #: The versions that stand where the server looks.
    published: tuple[Manifest, ...] = ()

    @property
    def config(self) -> Path:
        return self.folder / "intake.toml"

    @property
    def record(self) -> Path:
        """Where the server notes what it must never go back behind."""
        return HighWater(self.settings.state, parse_root(self.settings.root.read_bytes())).path

    def deployment(self, *, limits: Limits | None = None, now: float = NOON) -> Deployment:
        settings = self.settings if limits is None else replace(self.settings, limits=limits)
        return replace(Deployment.open(settings), clock=lambda: now)

    def keys(self) -> KeysInForce:
        """Return the keys as another process finds them."""
        settings = self.settings
        return KeysInForce(root=settings.root, manifest=settings.manifest, state=settings.state)

    def manifest_file(self, *manifests: Manifest) -> bytes:
        """Sign a chain of manifests, each with the hash of the one before."""
        chain: list[dsse.Envelope] = []
        for manifest in manifests:
            previous = chain[-1].digest() if chain else None
            payload = serialise_manifest(replace(manifest, previous=previous))
            chain.append(self.admin.sign(dsse.Envelope(dsse.MANIFEST_TYPE, payload, ())))
        return serialise_chain(chain)

    def publish(self, *manifests: Manifest) -> None:
        """Sign a chain of manifests and put it where the server looks."""
        draft = self.folder / "manifest.draft"
        draft.write_bytes(self.manifest_file(*manifests))
        draft.rename(self.folder / "manifest.json")
        self.published = manifests

    def publish_next(self, **changes: Any) -> Manifest:
        """Publish one more version, which differs from the newest by ``changes``."""
        newest = self.published[-1]
        following = replace(newest, version=newest.version + 1, **changes)
        self.publish(*self.published, following)
        return following

    def sealed(self) -> list[Path]:
        return sorted((self.folder / "state" / "blobs").glob("*.age"))

    @contextmanager
    def opened(self, path: Path) -> Iterator[Envelope]:
        with path.open("rb") as sealed:
            yield Envelope(open_age(sealed, [self.reviewer]))

    def members(self, path: Path) -> dict[str, bytes]:
        """Read with the standard library alone: what `age -d` and `unzip` would give."""
        with path.open("rb") as sealed, zipfile.ZipFile(open_age(sealed, [self.reviewer])) as found:
            return {name: found.read(name) for name in found.namelist()}

    def accounts(self) -> list[str]:
        texts = []
        for path in self.sealed():
            with self.opened(path) as envelope:
                texts.append(envelope.account_text())
        return sorted(texts)


def make_scene(
    folder: Path,
    *,
    port: int = 8000,
    today: dt.date = TODAY,
    database: str = "",
    threads: int = 64,
    custodian: HybridIdentity | None = None,
) -> Scene:
    """Make a deployment whose epoch is the month of ``today``, with a custodian or without."""
    folder.mkdir(parents=True, exist_ok=True)
    admin, vault = SigningIdentity.generate("admin"), SigningIdentity.generate("reviewer")
    reviewer = HybridIdentity.generate()
    root = Root("Test", 1, (admin.admin(),))
    (folder / "root.pub").write_bytes(serialise_root(root))
    recipients = [Recipient("reviewer", Role.REVIEWERS, str(reviewer.recipient()))]
    if custodian is not None:
        recipients.append(Recipient("custodian", Role.CUSTODIANS, str(custodian.recipient())))
    begins = today.replace(day=1)
    ends = (begins + dt.timedelta(days=32)).replace(day=1)
    manifest = Manifest(
        organisation="Test",
        version=1,
        issued=today,
        expires=today + dt.timedelta(days=400),
        previous=None,
        threshold=1,
        admins=root.admins,
        epoch_length=EpochLength.MONTH,
        epochs=(Epoch(f"{begins:%Y-%m}", begins, ends, tuple(recipients)),),
        revocations=(),
        server=None,
        vaults=(vault.public(),),
        acks_required=1,
        receipt=ReceiptParameters(bytes(32), 4096, 1, 1),
    )
    (folder / "state").mkdir()
    line = f'database = "{database}"' if database else ""
    config = folder / "intake.toml"
    config.write_text(SETTINGS.format(port=port, database=line, threads=threads), encoding="utf-8")
    settings = read_settings(config)
    scene = Scene(folder, admin, reviewer, manifest, settings, vault, custodian)
    scene.publish(manifest)
    return scene


def submit(scene: Scene, account: str, day: dt.date = TODAY) -> bytes:
    """Put a sealed account into the store, as the sealing would; return its id."""
    store = scene.deployment().store
    manifest = scene.published[-1]
    sealed = seal([scene.reviewer.recipient()], account)
    draft = store.draft()
    draft.write(sealed)
    arrival = Arrival(
        address=lambda n: hashlib.sha256(f"{account} {n}".encode()).digest(),
        sameness=hashlib.sha256(account.encode()).digest(),
        epoch=manifest.epochs[0].id,
        manifest_version=manifest.version,
        day=day,
        size=len(sealed),
    )
    store.commit(draft, arrival)
    return draft.id


BOUNDARY = "----browser1234567890"

_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a form."""
    return dict(_HIDDEN.findall(page))


def receipt_code(page: str) -> str:
    """Return the digits of the one element with id receipt-code."""
    match = re.search(r'id="receipt-code"[^>]*>(.*?)</p>', page, re.DOTALL)
    assert match is not None, page
    return re.sub(r"\D", "", re.sub(r"<[^>]*>", "", match[1]))


def send(
    client: Client,
    account: str | bytes = "",
    files: list[tuple[str, bytes]] | None = None,
    *,
    hidden: dict[str, str] | None = None,
    lang: str = "my",
    reach: str | bytes | None = None,
    **extra: object,
) -> TestResponse:
    """Open the form unless its hidden fields are given, and send it.

    Without ``reach`` it is sent as a form that does not ask for it.
    """
    if hidden is None:
        hidden = hidden_fields(client.get(f"/{lang}/submit").text)
    fields: list[tuple[str, str | bytes]] = [*hidden.items(), ("account", account)]
    if reach is not None:
        fields.append(("reach", reach))
    body = encode(fields, files or [])
    return client.post(
        f"/{lang}/submit",
        input_stream=io.BytesIO(body),
        content_length=len(body),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        **extra,
    )


def encode(fields: list[tuple[str, str | bytes]], files: list[tuple[str, bytes]]) -> bytes:
    """Return a multipart body as a browser makes it (RFC 7578; HTML, "multipart/form-data")."""
    parts = []
    for name, value in fields:
        data = value.encode("utf-8") if isinstance(value, str) else value
        parts.append(b'form-data; name="%s"\r\n\r\n%s' % (name.encode(), data))
    for name, content in files:
        escaped = name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
        head = f'form-data; name="attachments"; filename="{escaped}"\r\n'
        parts.append(head.encode() + b"Content-Type: application/x-test\r\n\r\n" + content)
    lines = [b"--%s\r\nContent-Disposition: %s\r\n" % (BOUNDARY.encode(), p) for p in parts]
    return b"".join(lines) + b"--%s--\r\n" % BOUNDARY.encode()
