#!/bin/sh
# Makes .venv with windlass in .venv/bin: locked packages by hash, then this folder as an editable
# install. A stamp remembers what was installed, so a second run ends after a few milliseconds.
#
# Usage: tools/setup.sh runtime|development
set -eu
cd "$(dirname "$0")/.."
say() { printf '%s\n' "$*" >&2; }

case "${1:-}" in
runtime) locks="requirements/runtime.txt requirements/build.txt" ;;
development) locks="requirements/development.txt" ;;
*)
    echo "usage: tools/setup.sh runtime|development" >&2
    exit 2
    ;;
esac

# The first Python that is new enough: the one asked for, the machine's own, then by name.
python=""
for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    say "windlass needs Python 3.11 or newer; here is $(python3 --version 2>&1 || true)."
    say "On Debian 12 or newer: sudo apt-get install python3 python3-venv"
    say "Elsewhere, name a newer one: make PYTHON=/path/to/python3 setup"
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    say "$("$python" --version) has no venv module, which windlass keeps its packages in."
    say "On Debian and Ubuntu: sudo apt-get install python3-venv"
    exit 1
fi

# What decides the result: the locks, how the package is built, where it lies, which Python.
proto=src/windlass/chains/cometbft/abci.proto
want=$({
    cat $locks pyproject.toml tools/build_hook.py "$proto" src/windlass/__init__.py
    pwd
    "$python" -c 'import sys; print(sys.version, sys.base_prefix)'
} | sha256sum | cut -d ' ' -f 1)

stamp=.venv/windlass-setup
done_with=$(cat "$stamp" 2>/dev/null || true)
case "$done_with" in
*"$1 $want"*) [ -x .venv/bin/windlass ] && exit 0 ;;
esac

install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@"; }

if ! .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "Making .venv with $("$python" --version)."
    "$python" -m venv --clear .venv
    done_with=""
fi
rm -f "$stamp"
say "Installing the locked packages ($1)."
for lock in $locks; do
    install --require-hashes --requirement "$lock"
done
say "Installing windlass itself."
install --no-build-isolation --no-deps --editable .
# A network starts a dozen of our programs at the same moment: none of them should compile first.
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m compileall -qq src .venv/lib || true
# Development contains the runtime's packages at the same versions, so an older stamp of the other
# set stays true as long as its own key does.
others=$(printf '%s' "$done_with" | grep -v "^$1 " || true)
printf '%s\n%s %s\n' "$others" "$1" "$want" >"$stamp"
