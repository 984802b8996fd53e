#!/bin/sh
# Everything that is to be known of a hardware GPU, in less than ten minutes: the adapter, the tests of all operations on
# every kind of kernel, the kernels with their share of the device's peaks, the steps of resnet18 and wrn-28-10 in f32 and
# f16, and PyTorch on the same GPU where Python has it. Results are JSON files in a folder; with Python, a page of them.
#
#   benches/gpu.sh [FOLDER]
#
# UNPERTURB  the program, of a release build; built if not given
# OPS        the compiled tests of operations; built if not given (none: left out)
# PYTHON     an interpreter, which has PyTorch or has not
# BATCH      images in a step and in a convolution
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
results=${1:-$root/target/gpu}
python=${PYTHON:-python3}
batch=${BATCH:-128}
mkdir -p "$results"

if [ -z "${UNPERTURB:-}" ]; then
    (cd "$root" && cargo build --release)
    UNPERTURB=$root/target/release/unperturb
fi
if [ -z "${OPS:-}" ]; then
    built=$(cd "$root" && cargo test --workspace --test ops --no-run 2>&1)
    OPS=$root/$(printf '%s\n' "$built" | sed -n 's/.*tests\/ops\/main.rs (\(.*\)).*/\1/p')
fi

bench() { # NAME ARGUMENTS: what a bench measures, to NAME.json; a failure is told, and the others go on
    name=$1
    shift
    "$UNPERTURB" bench "$@" --device gpu --quiet --json "$results/$name.json" >"$results/$name.txt" ||
        echo "bench $name failed" >&2
}

"$UNPERTURB" devices --json "$results/devices.json"

if [ "$OPS" != none ]; then
    if "$OPS" >"$results/ops.txt" 2>&1; then verdict=passed; else verdict=failed; fi
    summary=$(sed -n 's/^test result: //p' "$results/ops.txt")
    printf '{"verdict": "%s", "summary": "%s"}\n' "$verdict" "$summary" >"$results/ops.json"
    echo "tests of operations: $summary"
fi

# With no choices from earlier runs, so that the first result shows what measuring takes.
UNPERTURB_CACHE=$(mktemp -d)
export UNPERTURB_CACHE
trap 'rm -rf "$UNPERTURB_CACHE"' EXIT

for net in resnet18 wrn-28-10; do
    bench "$net-f32" "$net" --net "$net" --batch "$batch" --profile
    bench "$net-f16" "$net" --net "$net" --batch "$batch" --profile --precision f16
done
# The convolutions of wrn-28-10 and matrix products, on each kind of kernel there is.
for variant in portable blocks-64 blocks-32 matrix-f16x3-128 matrix-f16x3-64; do
    bench "conv2d-$variant" "0->" --batch "$batch" --variant "$variant"
    bench "matmul-$variant" matmul --variant "$variant"
done
bench conv2d-winograd "0->" --batch "$batch" --variant winograd
for variant in matrix-f16-128x32 matrix-f16-128 matrix-f16-64; do
    bench "conv2d-$variant" "0->" --batch "$batch" --variant "$variant" --precision f16
    bench "matmul-$variant" matmul --variant "$variant" --precision f16
done
bench reversal reversal --profile

if command -v "$python" >/dev/null; then
    "$python" "$here/gpu/pytorch.py" "$batch" "$results/pytorch.json" || echo "no PyTorch on this GPU" >&2
    "$python" "$here/gpu/table.py" "$results" | tee "$results/page.md"
fi
