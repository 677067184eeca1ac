# For scripts that run foreign clients: what the clients need. Sourced, not run.
#
# The script sets `cache`, the folder for what is installed.

# need_package PACKAGE COMMAND..: the Debian package, where the command fails.
need_package() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 && return
    if [[ $(id -u) != 0 ]]; then
        echo "$0: install the Debian package $package (or run as root): '$*' fails" >&2
        exit 2
    fi
    [[ ${apt_updated:-} ]] || apt-get update -qq && apt_updated=1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
}

# once NAME WORDS..: whether NAME was not yet installed with these versions; installed NAME WORDS.. notes it.
once() { [[ $(cat "$cache/$1.installed" 2>/dev/null) != "${*:2}" ]]; }
installed() { echo "${*:2}" >"$cache/$1.installed"; }

# install_python PACKAGE..: into the folder's venv.
install_python() {
    if once python "$@" || ! "$cache/venv/bin/python" -c '' 2>/dev/null; then
        python3 -m venv --clear "$cache/venv"
        "$cache/venv/bin/pip" install -q --disable-pip-version-check "$@"
        installed python "$@"
    fi
}

# install_npm PACKAGE..: into the folder's node_modules.
install_npm() {
    if once npm "$@"; then
        npm install --prefix "$cache" --silent --no-audit --no-fund --no-save "$@"
        installed npm "$@"
    fi
}
