#!/bin/sh
# Runs fuzz targets, each on one core for a number of seconds, and prints how many inputs each has tried.
#
#     fuzz/run.sh [SECONDS [TARGET...]]      600 seconds and every target if left out
#
# JOBS is how many run at a time (the number of cores if not set). Needs a nightly compiler and cargo-fuzz.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- model onnx graph safetensors npz npy torch_zip torch_legacy pickle hdf5 keras_hdf5 keras_archive photo tar photo_list
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}

cargo +nightly fuzz build
cargo +nightly run --quiet --release --manifest-path fuzz/Cargo.toml --example seed
mkdir -p fuzz/logs

run='
    target=$1
    dictionary=fuzz/dictionaries/$target.dict
    [ -f "$dictionary" ] && set -- "-dict=$dictionary" || set --
    cargo +nightly fuzz run "$target" -- -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=1024 \
        -max_len=65536 -print_final_stats=1 "$@" > "fuzz/logs/$target.log" 2>&1 && state=clean || state=FAILED
    count=$(sed -n "s/^stat::number_of_executed_units: *//p" "fuzz/logs/$target.log")
    peak=$(sed -n "s/^stat::peak_rss_mb: *//p" "fuzz/logs/$target.log")
    echo "$target: $state, ${count:-?} executions, at most ${peak:-?} MB (fuzz/logs/$target.log)"
    [ "$state" = clean ]
'
# What freed memory AddressSanitizer holds back would count against the limit.
export ASAN_OPTIONS="quarantine_size_mb=16:${ASAN_OPTIONS:-}"
export SECONDS_EACH="$seconds"
printf '%s\n' "$@" | xargs -P "$jobs" -I TARGET sh -c "$run" sh TARGET
