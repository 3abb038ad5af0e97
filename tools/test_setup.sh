#!/bin/sh
# Installs what the tests need beyond .venv: Debian packages (as root, or where sudo asks for no
# password) and the real programs, into the user's cache. Never skips: what it can't install, it
# names, and stops.
set -eu
cd "$(dirname "$0")/.."

missing=""
while read -r package evidence; do
    case "$package" in "" | "#"*) continue ;; esac
    # shellcheck disable=SC2086  # the evidence is a pattern: its folder differs by architecture
    ls $evidence >/dev/null 2>&1 || missing="$missing $package"
done <tools/test_packages.txt

if [ -n "$missing" ]; then
    command="apt-get install --yes --no-install-recommends$missing"
    if [ "$(id -u)" = 0 ]; then
        as_root=""
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        echo "The tests need packages that only root can install. Run this, then make again:" >&2
        echo "  sudo apt-get update && sudo $command" >&2
        exit 1
    fi
    echo "Installing what the tests need:$missing" >&2
    $as_root apt-get update --quiet=2 </dev/null
    # shellcheck disable=SC2086  # several packages, several words
    $as_root env DEBIAN_FRONTEND=noninteractive $command --quiet=2 </dev/null >/dev/null
    mkdir -p build
    for package in $missing; do echo "$package"; done >>build/installed-packages
fi

[ -n "${WINDLASS_TEST_BINARIES:-}" ] || .venv/bin/python -m tools.test_binaries
