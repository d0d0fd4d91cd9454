#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures the built binary against standard tools doing the same work, on this machine, in alternating runs.
# Prints medians in seconds and the ratio of ours to theirs; ratios are more reproducible than times.
#
# usage: [RUNS=5] Tests/bench.sh [AREA]...     an area is a file below Tests/bench/; all unless some are named
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
# shellcheck source=Tests/bench/measure.sh
. Tests/bench/measure.sh

# The peers, and what starts them.
. bundles/demo/packages.sh
install_missing $build_packages python3 docker-registry nginx-light skopeo wrk isal curl openssl e2fsprogs exfatprogs exfat-fuse

if [ $# = 0 ]; then
  for area in collect roundtrips apply build copy serve tls push; do [ ! -f "Tests/bench/$area.sh" ] || set -- "$@" "$area"; done
fi
for area in "$@"; do
  [ -f "Tests/bench/$area.sh" ] || { echo "there is no area '$area'" >&2; exit 64; }
done
# shellcheck source=bundles/demo/packages.sh
. bundles/demo/packages.sh
$release_build
sealift=$(swift build -c release --show-bin-path)/sealift
start_measuring
for area in "$@"; do
  # shellcheck source=/dev/null
  . "Tests/bench/$area.sh"
  "bench_$area"
done
