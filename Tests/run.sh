#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every test: the format of the sources, the build, the unit tests, the acceptance suite with real peers.
# Needs a Swift toolchain on Debian 12; installs the rest. Ends with the figures of both suites.
#
# usage: Tests/run.sh [CASE]... [PYTEST OPTION]...      with names, only these cases of the acceptance suite
#        Tests/run.sh --static [CASE]...                the same, with the acceptance suite on the static executable
#        Tests/run.sh --sanitize [SECONDS]              the unit tests with the address sanitizer, in .build-sanitize;
#                                                       each parser is then fed with mutated input for SECONDS (10)
#
# One test in seconds, after a build:
#   swift test --filter NAME                                        a unit test or a suite
#   python3 Tests/acceptance/run.py .build/debug/sealift CASE       a case; also -k EXPRESSION, -x, --durations 10
set -euo pipefail
tests=$(cd "$(dirname "$0")" && pwd)
cd "$tests/.."

# shellcheck source=bundles/demo/packages.sh
. bundles/demo/packages.sh
command -v swift >/dev/null || { echo "no Swift toolchain in PATH; get one from https://swift.org/install" >&2; exit 69; }
# The peers that the tests compare with; each test starts its own on a free port of loopback.
install_missing $build_packages perl python3 python3-yaml python3-jsonschema python3-pytest skopeo podman buildah containerd docker-registry \
  nginx-light tinyproxy apache2-utils curl openssl patch gcc make dpkg-dev xz-utils bzip2 zstd time e2fsprogs exfatprogs exfat-fuse strace util-linux binutils groff-base man-db zsh fish

# The first python that has what the suite needs: one's own, else Debian's.
python=python3
"$python" -c 'import pytest, yaml, jsonschema' 2>/dev/null || python=/usr/bin/python3

log=$(mktemp "${TMPDIR:-/tmp}/sealift-tests.XXXXXX")
trap 'rm -f "$log"' EXIT

if [ "${1:-}" = --sanitize ]; then
  # Leaks at the end are no fault, and a test that ends its own process reports none.
  # Foundation's Process, which only tests use, copies entries of folders beyond their end.
  echo 'interceptor_via_fun:*findMaximumOpenFromProcSelfFD*' >"$log"
  export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}:suppressions=$log SWIFT_BACKTRACE=enable=no
  swift build --build-tests --sanitize address --scratch-path .build-sanitize
  # One test takes all memory away, without which the sanitizer ends the program.
  swift test --skip-build --sanitize address --scratch-path .build-sanitize --skip MutationTests --skip noFurtherThreadIsAFailure
  TEST_FUZZ_SECONDS=${2:-10} swift test --skip-build --sanitize address --scratch-path .build-sanitize --filter MutationTests
  exit
fi

failed=0
part() { printf '\n== %s\n' "$*"; }

part "swift format lint"
swift format lint --strict --recursive Sources Tests Package.swift || failed=1

part "house"
"$python" "$tests/house/measure.py" --check || failed=1

part "swift build"
swift build --build-tests
# The acceptance suite runs what people run.
$release_build
programs=$(swift build -c release --show-bin-path)

part "the tool that travels"
# Linked from the objects of the release build; its libraries take a minute, once.
export TEST_STATIC_SEALIFT=$PWD/.build/tool/sealift
bundles/tool/build.sh "$TEST_STATIC_SEALIFT" "$programs/sealift.product/Objects.LinkFileList" || { failed=1; unset TEST_STATIC_SEALIFT; }

part "swift test"
# The whole output goes to the log; what a reader needs is shown: failures and the closing lines.
if swift test >"$log" 2>&1; then
  tail -n 3 "$log"
else
  failed=1
  grep -E 'error:|✘|warning:|recorded an issue|Fatal|crash' "$log" | head -n 200 || true
  tail -n 5 "$log"
fi
closing=$(grep -E 'Test run with' "$log" | tail -n 1 || true)

part "acceptance"
under_test=$programs/sealift
if [ "${1:-}" = --static ]; then
  shift
  under_test=${TEST_STATIC_SEALIFT:?was not made}
fi
"$python" "$tests/acceptance/run.py" "$under_test" "$@" | tee "$log" || failed=1

part "result"
echo "${closing:-swift test did not finish}"
tail -n 1 "$log"
exit "$failed"
