from __future__ import annotations

import itertools

import pytest

from intake.age.opening.hybrid import HybridIdentity
from intake.age.payload import ENCRYPTED_CHUNK, NONCE_SIZE, TAG_SIZE, sealed_length
from intake.age.sealing.seal import header_length
from intake.envelope.sizes import KIB, MIB, plaintext_capacity, size_classes
from intake.manifest.acceptance import MOST_RECIPIENTS
from intake.manifest.model import Role
from tests.support.vectors import vectors

TABLE = [
    256 * KIB,
    *(size * MIB for size in (1, 4, 16, 64)),
    *(size * MIB for size in (72, 80, 88, 96, 104, 112, 120, 128)),
    *(size * MIB for size in (144, 160, 176, 192, 208, 224, 240, 256)),
    *(size * MIB for size in (288, 320, 352, 384, 416, 448, 480, 512)),
    *(size * MIB for size in (576, 640, 704, 768, 832, 896, 960, 1024)),
    *(size * MIB for size in (1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048)),
]


def first(count: int) -> list[int]:
    return list(itertools.islice(size_classes(), count))


def test_the_table() -> None:
    assert first(len(TABLE)) == TABLE


def test_our_published_vectors() -> None:
    def make() -> dict[str, object]:
        classes = first(60)
        lengths = [0, 200, 1813, 65_455, 65_456, 65_464, 65_471, 65_472, 200_000]
        return {
            "classes": classes,
            "capacities": [
                {
                    "class": size,
                    "header_length": length,
                    "plaintext": plaintext_capacity(size, length),
                }
                for size in (256 * KIB, MIB, 72 * MIB)
                for length in lengths
            ],
        }

    published = vectors("sizes", make)
    assert published["classes"] == first(len(published["classes"]))
    for given in published["capacities"]:
        assert plaintext_capacity(given["class"], given["header_length"]) == given["plaintext"]
    assert None in [given["plaintext"] for given in published["capacities"]]


def test_no_class_wastes_more_than_an_eighth_from_64_mebibytes_on() -> None:
    classes = [size for size in first(200) if size >= 64 * MIB]
    for smaller, larger in itertools.pairwise(classes):
        assert smaller < larger <= smaller * 9 // 8
        assert larger % MIB == 0


@pytest.mark.parametrize("size", [256 * KIB, MIB, 4 * MIB])
def test_the_capacity_fills_the_class_to_the_byte_or_nothing_does(size: int) -> None:
    gaps = 0
    for header in range(ENCRYPTED_CHUNK + 100):
        capacity = plaintext_capacity(size, header)
        if capacity is None:
            gaps += 1
            # One byte less leaves it short of the class, one more overshoots it.
            room = size - header
            below = (room - NONCE_SIZE) // ENCRYPTED_CHUNK * (ENCRYPTED_CHUNK - TAG_SIZE)
            assert sealed_length(below) < room < sealed_length(below + 1)
        else:
            assert header + sealed_length(capacity) == size
    assert gaps in {TAG_SIZE, 2 * TAG_SIZE}


@pytest.mark.parametrize("spare", [-1000, -1, 0, 1, 16, 31, 32])
def test_a_header_that_fills_a_class_leaves_no_room(spare: int) -> None:
    assert plaintext_capacity(256 * KIB, 256 * KIB - spare) is None


def test_from_one_byte_on_there_is_room() -> None:
    assert plaintext_capacity(256 * KIB, 256 * KIB - 33) == 1


def test_every_number_of_recipients_reaches_the_smallest_class() -> None:
    most = MOST_RECIPIENTS[Role.REVIEWERS]
    recipients = [HybridIdentity.generate().recipient() for _ in range(most)]
    for count in range(1, len(recipients) + 1):
        assert plaintext_capacity(256 * KIB, header_length(recipients[:count])) is not None
