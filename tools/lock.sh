#!/bin/sh
# Writes requirements/*.txt from pyproject.toml: exact versions with the hashes of every file of
# each release, so that one lock serves Python 3.11 to 3.13 on x86_64 and aarch64. One resolution
# for everything first, then the smaller sets within it, so that no two files disagree. Releases
# younger than a week are left out: a hijacked one is usually found within days.
#
# Usage: tools/lock.sh [--upgrade]     without it, what is locked stays where it still fits
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
[ -x "$uv" ] || .venv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --exclude-newer '7 days' --no-emit-index-url --no-emit-find-links \
        --no-header --no-annotate \
        "$@"
}

compile pyproject.toml --group build --group development "$@" -o requirements/development.txt
compile pyproject.toml -c requirements/development.txt -o requirements/runtime.txt
compile --group build -c requirements/development.txt -o requirements/build.txt
