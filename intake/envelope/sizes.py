"""The few sizes a sealed submission may have.

256 KiB, 1, 4, 16, 64 MiB, and from there eight equal steps an octave (64, 72, 80, … 120, 128,
144, … MiB), so that a size tells at most its class and costs at most an eighth. Text accounts
all take the smallest. Sizes are those of the whole sealed file, age header included.
"""

from __future__ import annotations

from collections.abc import Iterator

from intake.age import payload

KIB = 1024
MIB = 1024 * KIB

SMALL_CLASSES = (256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB)
STEPS_PER_OCTAVE = 8


def size_classes() -> Iterator[int]:
    """Yield every size class in bytes, smallest first, without end."""
    yield from SMALL_CLASSES
    octave = SMALL_CLASSES[-1]
    while True:
        step = octave // STEPS_PER_OCTAVE
        yield from range(octave + step, 2 * octave + 1, step)
        octave *= 2


def plaintext_capacity(size_class: int, header_length: int) -> int | None:
    """Return how many plaintext bytes make a sealed file of exactly ``size_class`` bytes.

    ``None`` where no length does: the payload is a row of 64 KiB chunks, each with a tag of 16
    bytes, so a last chunk of 1 to 16 sealed bytes cannot be. That depends on the header's length
    alone, which is public and the same for everybody under one manifest.
    """
    room = size_class - header_length - payload.NONCE_SIZE
    if room <= payload.TAG_SIZE:
        return None
    chunks = -(-room // payload.ENCRYPTED_CHUNK)
    plaintext = room - chunks * payload.TAG_SIZE
    if plaintext <= (chunks - 1) * payload.CHUNK_SIZE:
        return None
    return plaintext
