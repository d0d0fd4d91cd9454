#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole way of a bundle on one Debian 12 machine: a miniature upstream on loopback, then
# collect, verify, inspect and apply into a folder. Needs a Swift toolchain; installs the rest.
#
# usage: bundles/demo/run.sh [--keep]      --keep leaves the bundle and the store, and says where
set -euo pipefail
demo=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$demo/../.." && pwd)
keep=
case "${1-}" in
  '') ;;
  --keep) keep=yes ;;
  *) sed -n 3,6p "$0" | cut -c3-; exit 64 ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/sealift-demo.XXXXXX")
upstream=
finish() {
  status=$?
  trap - EXIT
  if [ -n "$upstream" ]; then
    kill "$upstream" 2>/dev/null || true
    wait "$upstream" 2>/dev/null || true
  fi
  rm -rf "$work/upstream"
  if [ -n "$keep" ]; then
    echo "kept: $work"
  else
    rm -rf "$work" 2>/dev/null || as_root rm -rf "$work"
  fi
  [ "$status" = 0 ] || echo "the demo ended with exit code $status" >&2
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
# Shows a command as the reader would type it, then runs it.
run() { printf '$ %s\n' "$(printf '%q ' "$@")"; "$@"; }

step "1. what the build needs"
# shellcheck source=bundles/demo/packages.sh
. "$demo/packages.sh"
command -v swift >/dev/null || { echo "no Swift toolchain in PATH; get one from https://swift.org/install" >&2; exit 69; }
install_missing $build_packages python3

step "2. build"
cd "$root"
run $release_build
programs=$(swift build -c release --show-bin-path)
PATH=$programs:$PATH
# The one that travels is linked from the same objects; its libraries are built once, which takes a minute.
tool=()
if [ -d .build/tool/root ]; then
  run bundles/tool/build.sh "$work/sealift" "$programs/sealift.product/Objects.LinkFileList"
  tool=(--tool "$work/sealift")
fi

step "3. a miniature upstream on loopback: docker-registry and nginx, filled from Debian's packages"
python3 "$demo/upstream.py" "$work/upstream" &
upstream=$!
while [ ! -e "$work/upstream/upstream.json" ]; do
  kill -0 "$upstream" 2>/dev/null || { wait "$upstream"; exit 69; }
  sleep 0.5
done
field() { python3 -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))[sys.argv[2]]))' "$work/upstream/upstream.json" "$1"; }
mapfile -t arguments < <(field arguments)
mapfile -t architectures < <(field architectures)
# Where arm64 packages could not be had, the demo carries what is there.
for architecture in "${architectures[@]}"; do
  [ "${#architectures[@]}" = 2 ] || arguments+=(--platform "linux/$architecture")
done
spec=kubernetes-rawdocker-v1.19.8
cd "$work"
cp "$root/bundles/$spec.yaml" .

step "4. on the connected host: collect"
run sealift collect "$spec.yaml" -o demo.sealift "${tool[@]}" "${arguments[@]}"

step "5. from here on the upstream is gone: only the bundle is carried"
kill "$upstream"
wait "$upstream" || true
upstream=
rm -rf upstream
ls -l demo.sealift

step "6. verify every byte, with sealift and with tar and sha256sum alone"
run sealift verify demo.sealift
blobs=0
while read -r blob; do
  sum=$(tar -xOf demo.sealift "$blob" | sha256sum | cut -d' ' -f1)
  [ "$sum" = "${blob##*/}" ] || { echo "$blob has sha256 $sum" >&2; exit 65; }
  blobs=$((blobs + 1))
done < <(tar -tf demo.sealift | grep '^blobs/sha256/[0-9a-f]*$')
echo "$blobs blobs, each named by the sha256sum of its content"

step "7. what is inside"
run sealift inspect demo.sealift

step "8. on the isolated host: apply"
run as_root "$(command -v sealift)" apply demo.sealift --store store

step "9. what was built"
as_root python3 "$demo/show.py" store kubernetes-rawdocker:v1.19.8-alpine kubernetes-rawdocker:v1.19.8

step "10. the same where nothing is installed: an empty root that holds only the medium's file, and what tar takes out of it"
if [ ${#tool[@]} = 0 ]; then
  echo "the bundle carries no sealift: run bundles/tool/build.sh, which makes one that can travel, and this demo again"
  exit
fi
mkdir -p empty/proc
cp demo.sealift empty/
run tar -xf empty/demo.sealift -C empty sealift
alone() { as_root unshare --mount --pid --fork sh -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' empty "$@"; }
find empty -mindepth 1
run alone /sealift apply demo.sealift --store store
as_root python3 "$demo/show.py" empty/store kubernetes-rawdocker:v1.19.8-alpine kubernetes-rawdocker:v1.19.8
