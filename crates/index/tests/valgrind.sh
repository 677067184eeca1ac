#!/bin/sh
# Runs every test of crate `index` under valgrind's memcheck, with fewer steps, and fails on the
# first invalid access, use of unset memory, or leak.
#   crates/index/tests/valgrind.sh [STEPS]        (needs cargo and valgrind; minutes)
set -eu
cd "$(dirname "$0")/.."
export INDEX_MODEL_STEPS="${1:-300}"
binaries=$(cargo test -p index --lib --test model --no-run 2>&1 |
    sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
test -n "$binaries" || { echo "no test binaries: does 'cargo test -p index --no-run' work?" >&2; exit 1; }
cd "$(cargo locate-project --workspace --message-format plain | xargs dirname)"
for binary in $binaries; do
    echo "== $(basename "$binary"), $INDEX_MODEL_STEPS steps"
    # --fair-sched: otherwise one spinning thread may keep the others from running.
    # Only definite leaks count: std keeps some blocks of ended threads reachable.
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        --show-leak-kinds=definite --fair-sched=yes "$binary" --test-threads=1
done
echo "clean"
