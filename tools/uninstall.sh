#!/bin/sh
# Stops the networks of this folder and deletes what windlass made: their data and keys, .venv, the
# binaries in the user's cache, reports of crashes, and what all of a user's networks share (the
# list of their ports) if no other network is left. Asks first; YES=1 answers for scripts.
set -eu
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/windlass
state=${WINDLASS_STATE:-.windlass}
# Where the programs look, too: a relative XDG_STATE_HOME is invalid and ignored.
case "${XDG_STATE_HOME:-}" in
    /*) ports=$XDG_STATE_HOME/windlass ;;
    *) ports=$HOME/.local/state/windlass ;;
esac
temporary=${TMPDIR:-/tmp}

echo "This stops the networks of this folder and deletes for good:"
echo "  $state  (chain data, keys, accounts)"
echo "  windlass.yaml"
echo "  .venv, build and the tools' caches"
echo "  $cache  (geth, CometBFT)"
echo "  $ports  (who has which port), unless another folder still has networks"
echo "  $temporary/windlass-crash-*.txt and empty folders of sockets"
if [ "${YES:-}" != 1 ]; then
    printf 'Delete all of it? [y/N] '
    read -r answer || answer=""
    case "$answer" in y | Y | yes) ;; *)
        echo "Nothing was touched."
        exit 1
        ;;
    esac
fi

# A command that works is used as it is: setup may need packages, and here may be no network.
purge() { [ -x .venv/bin/windlass ] && .venv/bin/windlass down --purge --yes; }
if [ -d "$state" ] && ! purge; then
    sh tools/setup.sh runtime
    purge
fi
packages=$(sort -u build/installed-packages 2>/dev/null | tr '\n' ' ' || true)
# Go makes its module cache read-only; a build that was killed leaves it behind.
[ ! -d "$cache" ] || chmod -R u+w "$cache"
rm -rf .windlass windlass.yaml .venv build dist "$cache" \
    .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
# A state elsewhere: what is ours in it is purged, the folder itself may be somebody's.
rm -f "$state/lock"
rmdir "$state" 2>/dev/null || true

# A port belongs to a spec until its data are deleted; claims of states that are gone do not count.
others=
if [ -f "$ports/ports.json" ]; then
    others=$(grep -o '"state": *"[^"]*"' "$ports/ports.json" | cut -d '"' -f 4 | sort -u |
        while read -r one; do [ ! -e "$one/state.db" ] || echo "  $one"; done)
fi
if [ -z "$others" ]; then
    rm -f "$ports/ports.json" "$ports/ports.lock"
    rmdir "$ports" 2>/dev/null || true
fi
user=$(id -u)
for sockets in "${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/windlass}" "/tmp/windlass-$user"; do
    [ -z "$sockets" ] || rmdir "$sockets" 2>/dev/null || true
done
find "$temporary" -maxdepth 1 -type f -user "$user" -name 'windlass-crash-*.txt' \
    -exec rm -f {} + 2>/dev/null || true
find src tests tools -name __pycache__ -prune -exec rm -rf {} +
rm -f src/windlass/chains/cometbft/abci_pb2.py src/windlass/chains/cometbft/abci_pb2.pyi
[ -z "$packages" ] || echo "\`make test\` installed Debian packages: sudo apt-get remove $packages"
[ -z "$others" ] || printf 'Other networks of yours are left as they were:\n%s\n' "$others"
# What `windlass completion` printed went into files of the user's, which we do not edit.
for file in .bashrc .zshrc .config/fish/completions/windlass.fish; do
    ! grep -q _windlass_completion "${HOME:-}/$file" 2>/dev/null ||
        echo "Completion is still in ~/$file: delete its lines with _windlass_completion."
done
echo "Gone. This folder itself is all that is left: delete it as you like."
