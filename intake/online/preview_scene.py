"""A deployment to look at: its own settings, words, questionnaire and templates, and no real key.

Everything else is made in a temporary folder and thrown away: keys, state, what is sent. Nothing
of the deployment's own state is read or changed, so it can be looked at where there is none.
"""

from __future__ import annotations

import datetime as dt
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from intake import command_line
from intake.age.sealing.hybrid import HybridRecipient
from intake.durable import write_file
from intake.envelope.reply import seal_reply
from intake.manifest import dsse
from intake.manifest.calendar import EpochLength, period_of
from intake.manifest.chain import serialise_chain
from intake.manifest.model import Epoch, Manifest, ReceiptParameters, Recipient, Role, Root
from intake.manifest.payload import serialise_manifest, serialise_root
from intake.manifest.signing import SEED_SIZE, SigningIdentity
from intake.online.deployment import Deployment
from intake.online.deriving import derive
from intake.online.refusal import Refusal
from intake.online.settings import Settings
from intake.online.store.submissions import SealedDraft, Store
from intake.receipt.code import Code
from intake.receipt.mailbox import MailboxAddresses
from intake.secret import Secret

_REPLY_ID_SIZE = 16
_EPOCHS = 3
#: Whose the keys are. What the pages call the organisation may be no name for a manifest.
_NAME = "preview"


class RefusingStore(Store):
    """A store that refuses what it is told to refuse, so that its page can be seen."""

    refusal: Refusal | None = None

    def draft(self) -> SealedDraft:
        """Begin a submission, unless there is a ``refusal`` to raise."""
        if self.refusal is not None:
            raise self.refusal
        return super().draft()


@dataclass
class PreviewScene:
    """The deployment, and what is done to it from outside its pages."""

    deployment: Deployment
    store: RefusingStore
    #: Seconds by which the clock is ahead.
    ahead: float = 0

    @contextmanager
    def refusing(self, refusal: Refusal) -> Iterator[None]:
        """Refuse for a while whatever is sent."""
        self.store.refusal = refusal
        yield
        self.store.refusal = None

    @contextmanager
    def later(self, seconds: float) -> Iterator[None]:
        """Let it be so much later for a while."""
        self.ahead = seconds
        yield
        self.ahead = 0

    def file_reply(self, code: Code, text: str, *, whole: bool = True) -> None:
        """File a reply to the mailbox of ``code``; one that is not whole does not open."""
        keys = derive(code, self.deployment.keys.history()[-1].receipt)
        sealed = seal_reply(text, HybridRecipient.from_seed(keys.reply_seed))
        sealed = sealed if whole else bytes(len(sealed))
        mailbox = MailboxAddresses.of(keys.reply_key)
        day = self.deployment.today()
        self.store.replies.file(secrets.token_bytes(_REPLY_ID_SIZE), sealed, mailbox, day)

    def close(self) -> None:
        """Let nothing be in force any more."""
        self.deployment.settings.manifest.unlink()


@contextmanager
def preview_scene(settings: Settings, *, custodians: bool = True) -> Iterator[PreviewScene]:
    """Make the deployment of ``settings`` for looking at; it is gone afterwards.

    With ``custodians`` or, whoever the real ones are, without.

    Raises:
        SettingsMistaken: what the pages are to say is missing or wrong.
    """
    roles = (Role.REVIEWERS, Role.CUSTODIANS) if custodians else (Role.REVIEWERS,)
    with tempfile.TemporaryDirectory(prefix="intake-preview-") as folder:
        made = _settings(settings, Path(folder), roles)
        deployment = Deployment.open(made)
        store = RefusingStore.open(database=made.database, blobs=made.blobs)
        scene = PreviewScene(deployment, store)
        scene.deployment = replace(deployment, store=store, clock=_clock(scene))
        yield scene


def _clock(scene: PreviewScene) -> Callable[[], float]:
    return lambda: time.time() + scene.ahead


def _settings(settings: Settings, folder: Path, roles: Sequence[Role]) -> Settings:
    """Return ``settings`` with everything but the pages in ``folder``, for any name."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    root, manifest = folder / "root.pub", folder / "manifest.json"
    _make_keys(root, manifest, roles)
    return replace(
        settings,
        hosts=(),
        https=False,
        root=root,
        manifest=manifest,
        state=state,
        database=f"sqlite:///{state / 'intake.db'}",
        limits=replace(settings.limits, disk_reserve=0),
    )


def _make_keys(root: Path, manifest: Path, roles: Sequence[Role]) -> None:
    """Write a root and a manifest whose private keys nobody keeps."""
    today = command_line.today()
    admin = SigningIdentity.generate(_NAME)
    made = Manifest(
        organisation=_NAME,
        version=1,
        issued=today,
        expires=today + dt.timedelta(days=365),
        previous=None,
        threshold=1,
        admins=(admin.admin(),),
        epoch_length=EpochLength.MONTH,
        epochs=tuple(_epochs(today, roles)),
        revocations=(),
        server=None,
        vaults=(SigningIdentity.generate(_NAME).public(),),
        acks_required=1,
        receipt=ReceiptParameters(secrets.token_bytes(32), 4096, 1, 1),
    )
    write_file(root, serialise_root(Root(_NAME, 1, made.admins)))
    signed = admin.sign(dsse.Envelope(dsse.MANIFEST_TYPE, serialise_manifest(made), ()))
    write_file(manifest, serialise_chain([signed]))


def _epochs(day: dt.date, roles: Sequence[Role]) -> Iterator[Epoch]:
    for _ in range(_EPOCHS):
        period = period_of(day, EpochLength.MONTH)
        recipients = tuple(_recipient(role) for role in roles)
        yield Epoch(period.id, period.begins, period.ends, recipients)
        day = period.ends


def _recipient(role: Role) -> Recipient:
    seed = Secret(secrets.token_bytes(SEED_SIZE))
    return Recipient(f"{_NAME}-{role.value}", role, str(HybridRecipient.from_seed(seed)))
