#!/bin/sh
# The programs that some tests need beside Python: two browsers, a tracer, age, unzip, a database, npm.
# Installs them where it may; where it may not, says so, and the tests that need them say it again.
set -eu

missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium fonts-noto-core"
command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || missing="$missing firefox-esr"
command -v strace >/dev/null 2>&1 || missing="$missing strace"
command -v age >/dev/null 2>&1 || missing="$missing age"
command -v unzip >/dev/null 2>&1 || missing="$missing unzip"
command -v convert >/dev/null 2>&1 || missing="$missing imagemagick"
command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing for the tests:$missing"
  apt-get update -qq
  # shellcheck disable=SC2086  # a list of names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
  echo "Some tests will not run without these programs; as root: apt-get install$missing"
fi
