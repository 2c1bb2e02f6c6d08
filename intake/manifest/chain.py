"""The manifest file: every envelope since the root, oldest first."""

from __future__ import annotations

from collections.abc import Sequence

from intake import strict_json
from intake.errors import DocumentMalformed
from intake.manifest import dsse
from intake.strict_json import Fields

CHAIN_FORMAT = "intake-manifest-chain-1"

#: 400 epochs with 20 reviewers are 16 MB; anything beyond twice that is not a manifest.
MAX_FILE_SIZE = 32 * 1024 * 1024


def parse_chain(data: bytes) -> tuple[dsse.Envelope, ...]:
    """Read a manifest file. Nothing in it is believed yet.

    Raises:
        DocumentMalformed: it is not one.
    """
    if len(data) > MAX_FILE_SIZE:
        raise DocumentMalformed("The manifest file is far larger than any manifest.")
    fields = Fields(strict_json.loads(data), "manifest file")
    if fields.take("format", str) != CHAIN_FORMAT:
        raise DocumentMalformed(f"The manifest file is not in the format {CHAIN_FORMAT}.")
    envelopes = fields.each("envelopes", dsse.read_envelope)
    fields.end()
    return envelopes


def serialise_chain(envelopes: Sequence[dsse.Envelope]) -> bytes:
    """Write a manifest file."""
    return strict_json.dumps(
        {"format": CHAIN_FORMAT, "envelopes": [dsse.write_envelope(e) for e in envelopes]}
    )
