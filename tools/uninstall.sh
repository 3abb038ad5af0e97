#!/bin/sh
# Stops the networks of this folder and deletes what windlass made: their data and keys, .venv, the
# binaries in the user's cache. Asks first; YES=1 answers for scripts.
set -eu
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/windlass
state=${WINDLASS_STATE:-.windlass}

echo "This stops the networks of this folder and deletes for good:"
echo "  $state  (chain data, keys, accounts)"
echo "  windlass.yaml"
echo "  .venv, build and the tools' caches"
echo "  $cache  (geth, CometBFT)"
if [ "${YES:-}" != 1 ]; then
    printf 'Delete all of it? [y/N] '
    read -r answer || answer=""
    case "$answer" in y | Y | yes) ;; *)
        echo "Nothing was touched."
        exit 1
        ;;
    esac
fi

if [ -d "$state" ]; then
    sh tools/setup.sh runtime
    .venv/bin/windlass down --purge --yes
fi
packages=$(sort -u build/installed-packages 2>/dev/null | tr '\n' ' ' || true)
rm -rf .windlass windlass.yaml .venv build dist "$cache" \
    .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
find src tests tools -name __pycache__ -prune -exec rm -rf {} +
rm -f src/windlass/chains/cometbft/abci_pb2.py src/windlass/chains/cometbft/abci_pb2.pyi
[ -z "$packages" ] || echo "\`make test\` installed Debian packages: sudo apt-get remove $packages"
echo "Gone. This folder itself is all that is left: delete it as you like."
