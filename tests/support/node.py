"""Programs written for node, which tests compare with or are judged by: installed as pinned."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path


@functools.cache
def why_not(folder: Path) -> str | None:
    """Return why what ``folder/package.json`` names cannot be used, or None when it can."""
    if shutil.which("node") is None:
        return "did not run: node is not installed"
    if (folder / "node_modules" / ".package-lock.json").exists():
        return None
    if shutil.which("npm") is None:
        return "did not run: node_modules is missing and npm is not installed"
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return None if done.returncode == 0 else "did not run: npm ci failed"
