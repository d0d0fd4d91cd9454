#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures the built binary against standard tools doing the same work, on this machine, right after one
# another. Prints medians in seconds and ratios (sealift = 1.00); ratios hold better than times.
#
# usage: Tests/bench.sh [MIB] [RUNS]      512 MiB in 5 runs each unless told otherwise
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mib=${1:-512} runs=${2:-5}

cd "$root"
swift build -c release --product sealift
sealift=$(swift build -c release --show-bin-path)/sealift
place=${TMPDIR:-/tmp}
[ "$(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1)" -lt $((mib * 8)) ] || place=/dev/shm
work=$(mktemp -d "$place/sealift-bench.XXXXXX")
server=
finish() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# A web server of its own with one file that does not compress, and the spec that asks for it.
mkdir -p "$work/www" "$work/temporary"
head -c "${mib}M" /dev/urandom >"$work/www/file"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<CONF
$([ "$(id -u)" = 0 ] && echo 'user root;')
worker_processes 1; pid $work/nginx.pid; error_log $work/nginx-error.log;
events { worker_connections 64; }
http {
  access_log off; sendfile on;
  client_body_temp_path $work/temporary; proxy_temp_path $work/temporary; fastcgi_temp_path $work/temporary;
  uwsgi_temp_path $work/temporary; scgi_temp_path $work/temporary;
  server { listen 127.0.0.1:$port; root $work/www; }
}
CONF
PATH=$PATH:/usr/sbin nginx -p "$work" -c "$work/nginx.conf" -e "$work/nginx-error.log" -g 'daemon off;' &
server=$!
for _ in $(seq 100); do
  curl -fsI "http://127.0.0.1:$port/file" >/dev/null 2>&1 && break
  sleep 0.1
done
printf 'version: 1\nname: bench\nplatforms: [linux/amd64]\nfiles:\n  file:\n    url: http://127.0.0.1:%s/file\n' "$port" >"$work/bench.yaml"

# Median of the wall-clock seconds of a shell function; a second function prepares each run.
median() {
  local times=() start run
  for run in $(seq "$runs"); do
    "$2"
    start=$(date +%s%N)
    "$1" >/dev/null 2>"$work/errors" || { cat "$work/errors" >&2; return 1; }
    times+=($(($(date +%s%N) - start)))
  done
  printf '%s\n' "${times[@]}" | sort -n | sed -n "$(((runs + 1) / 2))p"
}
report() { # title, sealift's function, the peer's title, the peer's function, preparation
  local ours theirs
  ours=$(median "$2" "$5") theirs=$(median "$4" "$5")
  awk -v t="$1" -v p="$3" -v a="$ours" -v b="$theirs" \
    'BEGIN { printf "%-28s %7.3f s   1.00\n  %-26s %7.3f s   %.2f\n", t, a / 1e9, p, b / 1e9, b / a }'
}

fresh() { rm -f "$work"/bench.sealift* "$work/copy" "$work/bench.lock.json"; }
nothing() { :; }
curl_head() { curl -fsI "http://127.0.0.1:$port/file"; }
collect() { "$sealift" collect "$work/bench.yaml" -o "$work/bench.sealift" --insecure "127.0.0.1:$port"; }
curl_openssl() { curl -fsSo "$work/copy" "http://127.0.0.1:$port/file" && openssl dgst -sha256 "$work/copy"; }
verify() { "$sealift" verify "$work/bench.sealift"; }
openssl_only() { openssl dgst -sha256 "$work/bench.sealift"; }
start() { "$sealift" --version; }
tar_version() { tar --version; }

echo "$mib MiB, $runs runs, in $place; $(nproc) cores"
report collect collect "curl, then openssl dgst" curl_openssl fresh
collect >/dev/null 2>&1
report "collect again" collect "curl -I" curl_head nothing
report verify verify "openssl dgst" openssl_only nothing
report "start (--version)" start "tar --version" tar_version nothing
