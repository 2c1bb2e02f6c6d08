"""Install the checkout itself, editable, into the environment that runs this.

The same three things an installer would do, without a build: a path file and three launchers. So
the program needs no build tool to run from its source.
"""

from __future__ import annotations

import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write the path file and the launchers."""
    Path(sysconfig.get_path("purelib"), "intake.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, target in project["scripts"].items():
        module, function = target.split(":")
        launcher = Path(sysconfig.get_path("scripts"), name)
        launcher.write_text(
            f"#!{sys.executable}\nfrom {module} import {function}\n\n{function}()\n",
            encoding="utf-8",
        )
        launcher.chmod(0o755)


if __name__ == "__main__":
    main()
