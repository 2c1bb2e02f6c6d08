#!/bin/sh
# Debian keeps the part of Python that makes virtual environments in a package of its own.
set -eu
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
else
  echo "Python's venv is missing; as root: apt-get install python3-venv"
  exit 1
fi
