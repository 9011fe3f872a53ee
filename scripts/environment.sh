# Sourced by the other scripts: where to build, what to install, how to report. Bash, Debian.

set -euo pipefail

cairn_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cairn_cache=${CAIRN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cairn}
# Outside the checkout, so that a fresh clone builds its dependencies once.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cairn_cache/target}
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

cairn_started=$(date +%s.%N)

# seconds_since START: with two decimals.
seconds_since() {
    awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.2f", to - from }'
}

# step TEXT: a headline with the time since the script began.
step() {
    printf '\n== %s  (at %s s)\n' "$*" "$(seconds_since "$cairn_started")"
}

# fail TEXT: the last thing a script says.
fail() {
    printf '\nFAILED: %s\n' "$*" >&2
    exit 1
}

# need_packages PACKAGE...: installs those Debian packages that are missing.
need_packages() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    echo "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "cannot install ${missing[*]}; install them by hand and run this again"
}

# What a build needs: a C++ compiler for RocksDB, libclang for its bindings.
need_build_tools() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust (rust-version in Cargo.toml) and run this again"
    need_packages g++ make libclang-dev
}

# RocksDB's C++ takes 18 CPU minutes and is compiled again whenever Cargo resolves other features for something that its
# build script uses. So the library is kept beside the target folder, by the version in Cargo.lock.
rocksdb_version=$(awk '/^name = "librocksdb-sys"/ { getline; gsub(/"/, "", $3); print $3 }' "$cairn_root/Cargo.lock")
rocksdb_kept=$cairn_cache/librocksdb-$rocksdb_version-$(uname -m)

use_kept_rocksdb() {
    if [ -e "$rocksdb_kept/librocksdb.a" ]; then
        export ROCKSDB_LIB_DIR=$rocksdb_kept ROCKSDB_STATIC=1
    fi
}

keep_rocksdb() {
    [ -e "$rocksdb_kept/librocksdb.a" ] && return
    local built
    built=$(ls -t "$CARGO_TARGET_DIR"/release/build/librocksdb-sys-*/out/librocksdb.a 2>/dev/null | head -n 1)
    [ -n "$built" ] || return 0
    mkdir -p "$rocksdb_kept"
    cp "$built" "$rocksdb_kept/librocksdb.a.new"
    mv "$rocksdb_kept/librocksdb.a.new" "$rocksdb_kept/librocksdb.a"
}

# build_everything: libraries, binaries, tests and benchmarks, one profile for all.
build_everything() {
    need_build_tools
    use_kept_rocksdb
    (cd "$cairn_root" && cargo build --release --workspace --all-targets --locked)
    keep_rocksdb
}

cairnd=$CARGO_TARGET_DIR/release/cairnd
cairn=$CARGO_TARGET_DIR/release/cairn
