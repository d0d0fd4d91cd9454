# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# collect: against skopeo, and against the least that anybody must do for the same bytes. Sourced by Tests/bench.sh.

bench_collect() {
  local where
  start_upstream
  echo
  echo "collect: 1 GiB in 40 blobs from docker-registry on loopback"
  for where in "$memory" "$disk"; do
    place=$where/collect
    bundle=$place/bench.sealift
    [ "$where" = "$memory" ] && in="on a memory file system" bounds=(0.25 1.3) || in="on disk" bounds=(- -)
    versus "cold collect, $in" fresh collect "skopeo sync, then tar and sha256sum" skopeo_tar_sha256sum "${bounds[0]}" \
      "curl --parallel, then openssl dgst" curl_openssl "${bounds[1]}"
    fresh
  done
  place=$memory/collect
  bundle=$place/bench.sealift
  collect >/dev/null 2>&1
  alone "collect again, nothing new" nothing collect 0.5
  versus "verify" nothing verify "openssl dgst of the file" openssl_only -
  resources
  reused
  resumed
  fresh
  alone "plan of 20,000 blobs (--dry-run)" nothing plan 2
  versus "start (--version)" nothing start "tar --version" tar_version -
}

# A docker-registry on loopback with both kinds of images, and a spec for each.
start_upstream() {
  local kind names
  mkdir -p "$memory/registry"
  registry=127.0.0.1:$(free_port)
  for kind in sizes many; do
    names=$(python3 "$root/Tests/bench/upstream.py" "$memory/registry" "$kind")
    { printf 'version: 1\nname: bench\nplatforms: [linux/amd64]\nimages:\n'
      printf "  - $registry/%s\n" $names; } >"$memory/$kind.yaml"
  done
  start_registry "$registry" "$memory/registry" "$access_log"
  # What the peers are told.
  { echo "$registry:"; echo "  tls-verify: false"; echo "  images:"
    sed -n "s|^  - $registry/\(.*\):1|    \1: ['1']|p" "$memory/sizes.yaml"; } >"$memory/sync.yaml"
  local digest
  sed -n "s|^  - $registry/\(.*\):1|\1|p" "$memory/sizes.yaml" | while read -r name; do
    curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/$name/manifests/1" |
      grep -o 'sha256:[0-9a-f]*' | while read -r digest; do
        printf 'url = "http://%s/v2/%s/blobs/%s"\noutput = "%s"\n' "$registry" "$name" "$digest" "${digest#*:}"
      done
  done >"$memory/curl.conf"
}

fresh() {
  rm -rf "$place"
  mkdir -p "$place/blobs"
}
collect() { "$sealift" collect "$memory/sizes.yaml" -o "$bundle" --insecure "$registry"; }
plan() { "$sealift" collect "$memory/many.yaml" -o "$bundle" --insecure "$registry" --dry-run; }
verify() { "$sealift" verify "$bundle"; }
openssl_only() { openssl dgst -sha256 "$bundle"; }
start() { "$sealift" --version; }
tar_version() { tar --version; }
skopeo_tar_sha256sum() {
  skopeo sync --scoped --src yaml --dest dir "$memory/sync.yaml" "$place/synced" &&
    tar -cf "$place/synced.tar" -C "$place" synced && sha256sum "$place/synced.tar"
}
curl_openssl() {
  (cd "$place/blobs" && curl -fsS --parallel --parallel-max 8 -K "$memory/curl.conf" &&
    find . -type f | xargs -P 2 -n 4 openssl dgst -sha256)
}

# What a cold collect uses.
resources() {
  local used size
  fresh
  read -ra used < <(python3 "$root/Tests/bench/usage.py" "$sealift" collect "$memory/sizes.yaml" -o "$bundle" \
    --insecure "$registry" 2>/dev/null)
  size=$(stat -c %s "$bundle")
  figure "bytes written ÷ size of the bundle" "$(awk "BEGIN { print ${used[1]} / $size }")" "" 1.02
  figure "peak of resident memory" "$(awk "BEGIN { print ${used[2]} / 1024 }")" MiB 64
}

# What the next bundle writes when the last one serves all of its blobs.
reused() {
  local used size
  mv "$bundle" "$memory/old.sealift"
  fresh
  read -ra used < <(python3 "$root/Tests/bench/usage.py" "$sealift" collect "$memory/sizes.yaml" -o "$bundle" \
    --reuse "$memory/old.sealift" --insecure "$registry" 2>/dev/null)
  size=$(stat -c %s "$bundle")
  cmp "$bundle" "$memory/old.sealift"
  rm "$memory/old.sealift"
  figure "--reuse: bytes written ÷ size of the bundle" "$(awk "BEGIN { print ${used[1]} / $size }")" "" 1.02
}

# What a second run fetches after the first was killed when half was written; told by the registry.
resumed() {
  local total mark fetched
  total=$(stat -c %s "$bundle")
  fresh
  python3 "$root/Tests/bench/usage.py" --kill-at $((total / 2)) "$sealift" collect "$memory/sizes.yaml" -o "$bundle" \
    --insecure "$registry" >/dev/null 2>&1
  [ ! -e "$bundle" ] || { echo "it had ended before it could be killed" >&2; return 1; }
  sleep 0.5
  mark=$(wc -l <"$memory/registry.log")
  collect >/dev/null 2>&1
  fetched=$(tail -n +$((mark + 1)) "$memory/registry.log" | sed -n 's/.*"GET [^"]*" 20[06] \([0-9]*\) .*/\1/p' | awk '{ n += $1 } END { print n }')
  figure "fetched after a kill at half ÷ the whole" "$(awk "BEGIN { print $fetched / $total }")" "" 0.51
}
