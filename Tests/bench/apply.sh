# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# apply: against tar, cp and openssl doing the same to the same bytes. Sourced by Tests/bench.sh.

bench_apply() {
  local where
  make_bundle
  echo
  echo "apply: a base of 1 GiB in 4 layers and 300 MB of images into an empty store"
  for where in "$memory" "$disk"; do
    place=$where/apply
    [ "$where" = "$memory" ] && in="on a memory file system" || in="on disk"
    versus "apply, $in" empty apply_bundle "tar xzf, cp and openssl dgst, one after another" tar_cp_openssl 0.7 \
      "igzip, openssl dgst and tar, on both cores" igzip_openssl_tar 0.75
    empty
  done
  place=$memory/apply
  empty
  apply_bundle >/dev/null 2>&1
  alone "apply again, nothing to do" nothing apply_bundle 1
  versus "apply again, --verify" nothing apply_verify "openssl dgst of the layers' files" openssl_store -
  versus "store check" nothing store_check "openssl dgst of the layers' files" openssl_store -
  empty
  apply_resources
  sparse
}

# The bundle, and beside it what tar, cp and openssl get: the layers and the images' blobs as files.
make_bundle() {
  local names registry layer
  mkdir -p "$memory/registry" "$memory/base" "$memory/images"
  registry=127.0.0.1:$(free_port)
  names=$(python3 "$root/Tests/bench/base.py" "$memory/registry")
  start_registry "$registry" "$memory/registry"
  { printf 'version: 1\nname: bench\nplatforms: [linux/amd64]\nbase:\n  image: %s/apply/base:1\nimages:\n' "$registry"
    printf "  - $registry/%s\n" $(grep image <<<"$names")
    printf "builds:\n  - tag: bench/built:1\n    context:\n      - imageList: ['*']\n"
    printf '    kubefile: |\n      FROM %s/apply/base:1\n      COPY imageList manifests\n' "$registry"; } >"$memory/apply.yaml"
  "$sealift" collect "$memory/apply.yaml" -o "$memory/apply.sealift" --insecure "$registry" >/dev/null 2>&1
  while read -r layer; do
    # The layers of the images have one file, `chance`.
    case $(tar -tzf "$layer") in
      chance) mv "$layer" "$memory/images/${layer: -69:64}" ;;
      *) mv "$layer" "$memory/base/${layer: -69:64}" ;;
    esac
  done < <(find "$memory/registry" -name data -size +1M)
}

empty() {
  rm -rf "$place"
  mkdir -p "$place/base" "$place/images"
}
apply_bundle() { "$sealift" apply "$memory/apply.sealift" --store "$place/store" --platform linux/amd64; }
apply_verify() { "$sealift" apply "$memory/apply.sealift" --store "$place/store" --platform linux/amd64 --verify; }
store_check() { "$sealift" store check --store "$place/store"; }
tar_cp_openssl() {
  local layer
  for layer in "$memory"/base/*; do
    mkdir "$place/base/${layer##*/}" && tar -xzf "$layer" -C "$place/base/${layer##*/}" || return 1
  done
  cp "$memory"/images/* "$place/images" && openssl dgst -sha256 "$memory"/base/* "$memory"/images/*
}
# The best that standard tools can do: each layer is read once, hashed packed and unpacked, and unpacked, two at a time.
igzip_openssl_tar() {
  find "$memory"/base "$memory"/images -type f | place=$place memory=$memory xargs -P2 -I{} bash -c '
    set -o pipefail
    name=$(basename {})
    case {} in
    "$memory"/base/*)
      openssl dgst -sha256 {} && mkdir "$place/base/$name" &&
        igzip -dc {} | tee >(openssl dgst -sha256 >/dev/null) | tar -x -C "$place/base/$name" ;;
    *) openssl dgst -sha256 {} && cp {} "$place/images" && openssl dgst -sha256 "$place/images/$name" ;;
    esac'
}
openssl_store() { find "$place/store/data" -type f -size +1M -print0 | xargs -0 openssl dgst -sha256; }

stored_bytes() { find "$place/store" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }'; }

# What one apply uses. What it reads of the medium the kernel counts for a device that has nothing but the bundle.
apply_resources() {
  local used device before
  read -ra used < <(python3 "$root/Tests/bench/usage.py" "$sealift" apply "$memory/apply.sealift" --store "$place/store" \
    --platform linux/amd64 2>/dev/null)
  figure "peak of resident memory" "$(awk "BEGIN { print ${used[2]} / 1024 }")" MiB 64
  figure "bytes written ÷ size of the store" "$(awk -v w="${used[1]}" -v s="$(stored_bytes)" 'BEGIN { print w / s }')" "" 1.02
  [ "$(id -u)" = 0 ] || return 0
  empty
  truncate -s $(($(stat -c %s "$memory/apply.sealift") + (64 << 20))) "$memory/medium"
  mkfs.ext4 -q -m 0 "$memory/medium"
  device=$(losetup --find --show "$memory/medium")
  mkdir "$memory/mounted"
  mount "$device" "$memory/mounted" && cp "$memory/apply.sealift" "$memory/mounted" && umount "$memory/mounted"
  mount -o ro "$device" "$memory/mounted"
  before=$(awk '{ print $3 }' "/sys/block/${device##*/}/stat")
  "$sealift" apply "$memory/mounted/apply.sealift" --store "$place/store" --platform linux/amd64 >/dev/null 2>&1
  figure "bytes read from the medium ÷ size of the bundle" \
    "$(awk -v b="$before" -v s="$(stat -c %s "$memory/apply.sealift")" '{ print ($3 - b) * 512 / s }' "/sys/block/${device##*/}/stat")" "" 1.05
  umount "$memory/mounted" && losetup --detach "$device"
  rm -rf "$memory/medium" "$memory/mounted"
}

# The layer id of a tree of one sparse file of 8 GiB: what store check computes of a layer that it reads.
sparse() {
  empty
  mkdir "$place/context"
  truncate -s 8G "$place/context/sparse"
  printf 'data' | dd of="$place/context/sparse" bs=1 seek=5000000000 conv=notrunc status=none
  sparse_store
  versus "layer id of 8 GiB, sparse" nothing store_check "openssl dgst of the file" openssl_sparse 1
}

# A store with that one layer and an image that has it.
sparse_store() {
  local id
  id=$(python3 - "$root" "$place/context" <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + "/Tests/acceptance/oracle")
import sealer_layer
print(sealer_layer.digest(sys.argv[2])[0].removeprefix("sha256:"))
PY
  )
  mkdir -p "$place/store/data/overlay2" "$place/store/metadata/layerdb/sha256/$id" "$place/store/metadata/imagedb"
  mv "$place/context" "$place/store/data/overlay2/$id"
  printf 'sha256:%s' "$id" >"$place/store/metadata/layerdb/sha256/$id/id"
  printf '8589936640' >"$place/store/metadata/layerdb/sha256/$id/size"
  printf '{}' >"$place/store/metadata/images_metadata.json"
}
openssl_sparse() { openssl dgst -sha256 "$place"/store/data/overlay2/*/sparse; }
