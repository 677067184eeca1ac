# For the scripts beside it: a node of their own. Sourced, not run.
#
# Sets `here`, `work` (a folder that goes with the script), and with start_node `port` and `node`, its
# process id. AERIE_BIN is the daemon [built here with cargo].

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
node='' port=''

# end_node SIGNAL
end_node() {
    [[ $node ]] || return 0
    kill -"$1" "$node" 2>/dev/null || true
    wait "$node" 2>/dev/null || true
    node=''
}
trap 'end_node TERM; rm -rf "$work"' EXIT

aerie=${AERIE_BIN:-}
if [[ ! $aerie ]]; then
    cargo build --manifest-path "$here/../Cargo.toml" -p server --bin aerie
    aerie=${CARGO_TARGET_DIR:-$here/../target}/debug/aerie
fi

# start_node FLAG..: on the same folder each time.
start_node() {
    port=''
    : >"$work/out" # read below before the node has opened it
    "$aerie" --pg 127.0.0.1:0 --aerospike 127.0.0.1:0 --data "$work/node" "$@" >"$work/out" 2>>"$work/err" &
    node=$!
    for _ in {1..600}; do
        port=$(sed -n 's/^ready:.* 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/out" | head -1)
        [[ ! $port ]] || return 0
        kill -0 "$node" 2>/dev/null || break
        sleep 0.1
    done
    echo "$0: $aerie gave no ready line" >&2
    cat "$work/out" "$work/err" >&2
    exit 2
}

# psql of the node: options and statements as psql takes them.
sql() { psql -qXAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres -d "${database:-test}" "$@"; }

# fail WORDS..
fail() {
    echo "$0: $*" >&2
    exit 1
}

# The node's resident memory, MiB.
memory() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$node/status"; }

# seconds COMMAND..: runs it; how long it took.
seconds() {
    local begun=$EPOCHREALTIME
    "$@" >&2
    awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }'
}
