#!/bin/sh
# Pin everything, with hashes and without index addresses. Needs `uv` on the PATH.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null 2>&1 || { echo "uv is needed: pip install uv"; exit 1; }
pin="uv pip compile --quiet --upgrade --python-version 3.11 --universal --generate-hashes
  --no-header --no-annotate"
$pin pyproject.toml --extra server --extra offline -o requirements/runtime.txt
$pin pyproject.toml --extra server -c requirements/runtime.txt -o requirements/server.txt
$pin pyproject.toml --extra offline -c requirements/runtime.txt -o requirements/offline.txt
$pin pyproject.toml requirements/dev.in --extra server --extra offline \
  -c requirements/runtime.txt -o requirements/dev.txt
