# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# roundtrips: many small things over a distance of 20 ms each way, and how often a registry is asked. Sourced by
# Tests/bench.sh.

bench_roundtrips() {
  start_distant
  echo
  echo "many small images, from docker-registry behind a relay that adds 20 ms each way"
  versus "cold collect, 60 images of 5 layers" distant_fresh distant_collect "curl --parallel --parallel-max 8" distant_curl 1.1
  spec=$memory/tags.yaml
  bundle=$memory/tags.sealift
  requests "requests of a cold collect, 300 images" distant_collect 1100
  alone "collect again, nothing new, 300 images" nothing distant_collect 1.5
  requests "requests of it" distant_collect 300
  requests "requests of a first push, 300 images" distant_push 2800
  requests "requests of a push with nothing to do" distant_push 300
  python3 "$root/Tests/bench/manyimages.py" "$memory/opened.sealift" 10000 1
  alone "open a bundle of 10,000 images" nothing open_many 0.2
}

# A docker-registry that logs what it is asked, the relay before it, and a spec for each kind of images.
start_distant() {
  local kind names digest
  mkdir -p "$memory/distant"
  registry=127.0.0.1:$(free_port)
  start_registry "$registry" "$memory/distant" "$access_log"
  relay=127.0.0.1:$(free_port)
  in_background "$memory/relay.log" python3 "$root/Tests/bench/relay.py" "${relay##*:}" "$registry" 20
  await "http://$relay/v2/"
  for kind in small tags; do
    names=$(python3 "$root/Tests/bench/upstream.py" "$memory/distant" "$kind")
    { printf 'version: 1\nname: bench\nplatforms: [linux/amd64]\nimages:\n'
      printf "  - $relay/%s\n" $names; } >"$memory/$kind.yaml"
  done
  sed -n "s|^  - $relay/\(.*\):1|\1|p" "$memory/small.yaml" | while read -r names; do
    printf 'url = "http://%s/v2/%s/manifests/1"\noutput = "%s"\n' "$relay" "$names" "${names#*/}"
    curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/$names/manifests/1" |
      grep -o 'sha256:[0-9a-f]*' | while read -r digest; do
        printf 'url = "http://%s/v2/%s/blobs/%s"\noutput = "%s"\n' "$relay" "$names" "$digest" "${digest#*:}"
      done
  done >"$memory/distant.conf"
  spec=$memory/small.yaml
  bundle=$memory/small.sealift
}

distant_fresh() {
  rm -rf "$memory/fetched" "$bundle"
  mkdir "$memory/fetched"
}
distant_collect() { "$sealift" collect "$spec" -o "$bundle" --insecure "$relay"; }
distant_curl() {
  (cd "$memory/fetched" && curl -fsS --parallel --parallel-max 8 -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
    -K "$memory/distant.conf")
}
open_many() { "$sealift" serve "$memory/opened.sealift" --print-config docker; }
distant_push() { "$sealift" push "$bundle" --to "$registry/site" --insecure "$registry"; }

# How many requests the registry logs while a function runs: requests TITLE FUNCTION BOUND
requests() {
  local before
  before=$(grep -c '" [1-5][0-9][0-9] [0-9]' "$memory/distant.log" || true)
  nanoseconds "$2" >/dev/null
  sleep 0.3
  figure "$1" $(($(grep -c '" [1-5][0-9][0-9] [0-9]' "$memory/distant.log") - before)) "" "$3"
}
