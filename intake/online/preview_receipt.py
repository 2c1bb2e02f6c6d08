"""The receipt in every state, for whoever looks through the pages."""

from __future__ import annotations

import io
from collections.abc import Iterator
from http import HTTPStatus

from flask import Flask
from werkzeug.datastructures import MultiDict

from intake.online.preview_scene import PreviewScene
from intake.online.preview_visitor import Found, Visitor
from intake.online.refusal import Reason, Refusal
from intake.online.witness.visit import CODE_SECONDS
from intake.receipt.code import GROUP, Code


def receipt_states(scene: PreviewScene, app: Flask, tag: str) -> Iterator[Found]:
    """Yield the receipt without a visit, after an account, with files, and refusing them."""
    visitor = Visitor(app, tag)
    yield Found("receipt", "none", visitor.get("/receipt"), HTTPStatus.NOT_FOUND)
    fields = visitor.fill(visitor.get("/submit"))
    fields["account"] = "…"
    code = Code(fields["code"]) if fields.get("code") else Code.generate()
    visitor.post("/submit", fields)
    plain = visitor.get("/receipt")
    yield Found("receipt", "text", plain)
    notes = visitor.fill(plain)
    for name, last in (("noted", code.reveal()[-GROUP:]), ("not_noted", "0")):
        visitor.post("/receipt", MultiDict([*notes.items(), ("last_group", last)]))
        yield Found("receipt", name, visitor.get("/receipt"))
    files = [(io.BytesIO(bytes(size)), f"{size}.jpg") for size in (70_000, 300_000)]
    visitor.post("/receipt", notes, files)
    yield Found("receipt", "files", visitor.get("/receipt"))
    for reason in (Reason.NO_FILE, Reason.TOO_LARGE, Reason.CUT_SHORT, Reason.NO_KEYS):
        with scene.refusing(Refusal(reason)):
            yield Found(
                "receipt",
                reason.name.lower(),
                visitor.post("/receipt", notes, files),
                reason.status,
            )
    other = MultiDict([*notes.items(multi=True)])
    other["mailbox"] = "another"
    yield Found(
        "receipt",
        "other_receipt",
        visitor.post("/receipt", other, files),
        Reason.OTHER_RECEIPT.status,
    )
    with scene.later(CODE_SECONDS + 1):
        yield Found(
            "receipt",
            "receipt_over",
            visitor.post("/receipt", notes, files),
            Reason.RECEIPT_OVER.status,
        )
