# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# push: against skopeo, the same images into the same docker-registry. Sourced by Tests/bench.sh.

bench_push() {
  local used
  start_push
  echo
  echo "push: 1 GiB in 40 blobs into docker-registry on loopback, from $memory"
  versus "cold push" emptied push_bundle "skopeo sync" skopeo_sync 1
  push_bundle >/dev/null 2>&1
  # skopeo asks for the tag alone, and takes for granted what is below it.
  versus "push again, nothing new" nothing push_bundle "skopeo sync" skopeo_sync -
  emptied
  read -ra used < <(python3 "$root/Tests/bench/usage.py" "$sealift" push "$bundle" --to "$target/site" --insecure \
    "$target" 2>/dev/null)
  figure "peak of resident memory" "$(awk "BEGIN { print ${used[2]} / 1024 }")" MiB 64
  stop_target
}

# An upstream to collect from, and a target to push into; its storage is exchanged under it.
start_push() {
  local names name upstream
  mkdir -p "$memory/upstream" "$memory/target"
  names=$(python3 "$root/Tests/bench/upstream.py" "$memory/upstream" sizes)
  upstream=127.0.0.1:$(free_port)
  start_registry "$upstream" "$memory/upstream"
  { printf 'version: 1\nname: bench\nplatforms: [linux/amd64]\nimages:\n'
    printf "  - $upstream/%s\n" $names; } >"$memory/push.yaml"
  bundle=$memory/push.sealift
  "$sealift" collect "$memory/push.yaml" -o "$bundle" --insecure "$upstream" >"$memory/said" 2>&1 ||
    { cat "$memory/said" >&2; return 1; }
  # skopeo sync wants a folder for each image, whose path is the name.
  for name in $names; do
    mkdir -p "$memory/dirs/$(dirname "$name")"
    skopeo copy -q --all --preserve-digests --src-tls-verify=false "docker://$upstream/$name" "dir:$memory/dirs/$name" || return 1
  done
  # Memory is for the target now.
  rm -rf "$memory/upstream"
  target=127.0.0.1:$(free_port)
  emptied
}

# The target without anything in it. Its files are all that it knows, so it need not start again.
emptied() {
  stop_target
  rm -rf "$memory/target"
  mkdir -p "$memory/target"
  start_registry "$target" "$memory/target"
}
stop_target() {
  [ -f "$memory/target.yml" ] || return 0
  kill "${servers[-1]}" && wait "${servers[-1]}" 2>/dev/null || true
  unset 'servers[-1]'
  rm -f "$memory/target.yml"
}

push_bundle() { "$sealift" push "$bundle" --to "$target/site" --insecure "$target"; }
skopeo_sync() { skopeo sync --all --dest-tls-verify=false --src dir --dest docker "$memory/dirs" "$target/site"; }
