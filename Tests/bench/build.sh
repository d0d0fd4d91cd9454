# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Builds: what their rehearsal costs a collect, a repack, and a layer of many files. Sourced by Tests/bench.sh.

bench_build() {
  place=$memory/build
  builds_upstream
  echo
  echo "builds: a base of 1 GiB and 300 MB of images with two builds; a tarball of 300 MB; a layer of 100,000 files"
  versus "collect with both builds, on a memory file system" builds_fresh builds_collect \
    "curl --parallel, then openssl dgst" builds_curl_openssl 1.6
  builds_fresh
  build_peak "collect with both builds: peak of memory" collect "$memory/builds.yaml" -o "$place/b.sealift" --insecure "$builds_registry"
  builds_fresh
  repack_bundle
  versus "apply of a build that repacks 300 MB" builds_fresh repack_apply "gzip -1 of the same tar" gzip_1 0.25
  builds_fresh
  build_peak "collect of 100,000 files: peak of memory" collect "$memory/many.yaml" -o "$memory/many.sealift" --insecure "$builds_registry"
  build_peak "apply of 100,000 files: peak of memory" apply "$memory/many.sealift" --store "$place/store" --platform linux/amd64
}

# A registry with the base, and the specs.
builds_upstream() {
  local names
  mkdir -p "$memory/builds-registry" "$memory/files"
  builds_registry=127.0.0.1:$(free_port)
  names=$(python3 "$root/Tests/bench/base.py" "$memory/builds-registry")
  start_registry "$builds_registry" "$memory/builds-registry"
  { printf 'version: 1\nname: builds\nplatforms: [linux/amd64]\nbase:\n  image: %s/apply/base:1\n' "$builds_registry"
    printf '  layers:\n    first: { holds: part0/file00 }\nimages:\n'
    printf "  - $builds_registry/%s\n" $(grep image <<<"$names")
    printf "builds:\n  - tag: bench/first:1\n    context:\n      - layer: first\n      - imageList: ['*']\n"
    printf '    kubefile: |\n      FROM scratch\n      COPY . .\n      COPY imageList manifests\n'
    printf "  - tag: bench/second:1\n    context:\n      - layer: first\n        paths: [part0/file01]\n"
    printf '    kubefile: |\n      FROM bench/first:1\n      COPY part0 .\n'; } >"$memory/builds.yaml"
  { printf 'version: 1\nname: many\nplatforms: [linux/amd64]\nbase:\n  image: %s/apply/many:1\n' "$builds_registry"
    printf '  layers:\n    all: { holds: files/000/000000 }\n'
    printf 'builds:\n  - tag: bench/many:1\n    context:\n      - layer: all\n'
    printf '    kubefile: |\n      FROM scratch\n      COPY . .\n'; } >"$memory/many.yaml"
  find "$memory/builds-registry" -name data -size +1M -printf '%h\n' | while read -r folder; do
    printf 'url = "http://%s/v2/apply/base/blobs/sha256:%s"\noutput = "%s"\n' "$builds_registry" "${folder##*/}" "${folder##*/}"
  done >"$memory/builds.conf"
  for name in $(grep image <<<"$names"); do
    curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$builds_registry/v2/${name%:*}/manifests/1" |
      grep -o '"digest": "sha256:[0-9a-f]*' | tail -n 1 | grep -o '[0-9a-f]*$' | while read -r digest; do
        sed -i "s|apply/base/blobs/sha256:$digest|${name%:*}/blobs/sha256:$digest|" "$memory/builds.conf"
      done
  done
  python3 "$root/Tests/bench/base.py" "$memory/builds-registry" many >/dev/null
}

builds_fresh() { rm -rf "$place" && mkdir -p "$place/blobs"; }
builds_collect() { "$sealift" collect "$memory/builds.yaml" -o "$place/b.sealift" --insecure "$builds_registry"; }
builds_curl_openssl() {
  (cd "$place/blobs" && curl -fsS --parallel --parallel-max 8 -K "$memory/builds.conf" &&
    find . -type f | xargs -P 2 -n 1 openssl dgst -sha256)
}
build_peak() {
  local title=$1 used
  shift
  read -ra used < <(python3 "$root/Tests/bench/usage.py" "$sealift" "$@" 2>/dev/null)
  figure "$title" "$(awk "BEGIN { print ${used[2]} / 1024 }")" MiB 64
}

repack_bundle() {
  local port
  python3 "$root/Tests/bench/base.py" "$memory/files/programs.tar" tarball
  port=$(free_port)
  in_background "$memory/files.log" python3 -m http.server "$port" --bind 127.0.0.1 --directory "$memory/files"
  await "http://127.0.0.1:$port/"
  { printf 'version: 1\nname: repack\nplatforms: [linux/amd64]\nfiles:\n  programs:\n    url: http://127.0.0.1:%s/programs.tar\n' "$port"
    printf 'builds:\n  - tag: bench/repack:1\n    context:\n      - put: programs.tar.gz\n        repack: programs\n'
    printf '    kubefile: |\n      FROM scratch\n      COPY . .\n'; } >"$memory/repack.yaml"
  "$sealift" collect "$memory/repack.yaml" -o "$memory/repack.sealift" --insecure "127.0.0.1:$port" >/dev/null 2>&1
}
repack_apply() { "$sealift" apply "$memory/repack.sealift" --store "$place/store" --platform linux/amd64; }
gzip_1() { gzip -1 <"$memory/files/programs.tar" >"$place/programs.tar.gz"; }
