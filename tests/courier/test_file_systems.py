"""Sticks and their file systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.courier.file_systems import make_folders
from intake.errors import BundleBroken


@pytest.mark.parametrize("place", ["/media", "/mnt", "/run/media"])
def test_no_folder_is_made_where_a_stick_should_be_and_none_is(place: str) -> None:
    path = Path(place) / "nosuch-stick" / "intake"
    with pytest.raises(BundleBroken, match="No stick is mounted"):
        make_folders(path)
    assert not path.parent.exists()


def test_a_folder_elsewhere_is_made_with_those_around_it(tmp_path: Path) -> None:
    make_folders(tmp_path / "a" / "b")
    make_folders(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
