# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# serve: against docker-registry and nginx with the same bytes on the same disk; wants wrk too. Sourced by Tests/bench.sh.

bench_serve() {
  local blob served theirs bundle=bench
  start_servers
  echo
  echo "serve: a 1 GiB blob and 10,000 manifests on loopback, from $disk"
  blob=$(curl -fs -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$registry/v2/serve/large/manifests/1" |
    grep -o '"layers": *\[{[^}]*' | grep -o 'sha256:[0-9a-f]*')
  blob_ours=http://$ours/v2/serve/large/blobs/$blob
  blob_registry=http://$registry/v2/serve/large/blobs/$blob
  blob_nginx=http://$nginx/${blob:7:2}/${blob#*:}/data
  alone "the first download, hashed on the way" restart download_ours -
  versus "1 GiB blob" nothing download_ours "docker-registry" download_registry 1 "nginx, sendfile" download_nginx 1.15
  served=$(manifests_a_second "$ours") theirs=$(manifests_a_second "$registry")
  figure "manifests a second" "$served" 1/s -
  figure "  docker-registry" "$theirs" 1/s -
  figure "  docker-registry's ÷ ours" "$(awk "BEGIN { print $theirs / $served }")" "" 0.333
  for bundle in large bench; do
    restart
    figure "peak of resident memory, 256 open downloads" \
      "$(python3 "$root/Tests/bench/clients.py" downloads "$ours" "${blob_ours#http://"$ours"}" 256 "$server")" MiB \
      "$([ "$bundle" = bench ] && echo 80 || echo 64)"
  done
  echo "  (of a bundle with the large image alone; then of one that has the 10,000 others as well)"
  figure "idle connections lost, of 1,000" \
    "$((1000 - $(python3 "$root/Tests/bench/clients.py" idle "$ours" 1000)))" "" 0
}

# A docker-registry, an nginx on its blobs, and sealift on a bundle collected from it.
start_servers() {
  local names
  mkdir -p "$disk/registry" "$disk/temporary"
  registry=127.0.0.1:$(free_port)
  names=$(python3 "$root/Tests/bench/upstream.py" "$disk/registry" serve)
  { printf 'version: 1\nname: bench\nplatforms: [linux/amd64]\nimages:\n'
    printf "  - $registry/%s\n" $names; } >"$disk/serve.yaml"
  start_registry "$registry" "$disk/registry"
  nginx=127.0.0.1:$(free_port)
  cat >"$disk/nginx.conf" <<CONF
$([ "$(id -u)" = 0 ] && echo 'user root;')
worker_processes 2; pid $disk/nginx.pid; error_log $disk/nginx-error.log; daemon off;
events { worker_connections 512; }
http {
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path $disk/temporary; proxy_temp_path $disk/temporary; fastcgi_temp_path $disk/temporary;
  uwsgi_temp_path $disk/temporary; scgi_temp_path $disk/temporary;
  server { listen $nginx; root $disk/registry/docker/registry/v2/blobs/sha256; }
}
CONF
  PATH=$PATH:/usr/sbin in_background "$disk/nginx.log" nginx -p "$disk" -c "$disk/nginx.conf" -e "$disk/nginx-error.log"
  await "http://$nginx/" 403
  grep -v serve/small "$disk/serve.yaml" >"$disk/large.yaml"
  for names in serve:bench large:large; do
    "$sealift" collect "$disk/${names%:*}.yaml" -o "$disk/${names#*:}.sealift" --insecure "$registry" >/dev/null 2>"$memory/said" ||
      { cat "$memory/said" >&2; return 1; }
  done
  # What was written within the last seconds may still change unseen: its hash is not remembered.
  sleep 3
  server=
  restart
}

# Starts sealift again, so that nothing is known of the blobs.
restart() {
  [ -z "$server" ] || { kill "$server"; wait "$server" 2>/dev/null || true; }
  ours=${ours:-127.0.0.1:$(free_port)}
  in_background "$disk/serve.log" "$sealift" serve "$disk/$bundle.sealift" --listen "$ours"
  server=${servers[-1]}
  await "http://$ours/healthz"
}

download_ours() { curl -fso /dev/null "$blob_ours"; }
download_registry() { curl -fso /dev/null "$blob_registry"; }
download_nginx() { curl -fso /dev/null "$blob_nginx"; }

# Requests a second over all tags in turn, of 64 connections.
manifests_a_second() {
  cat >"$memory/wrk.lua" <<'LUA'
local number = 0
request = function()
  number = (number + 1) % 10000
  return wrk.format("GET", "/v2/serve/small/manifests/" .. number, {Accept = "application/vnd.oci.image.manifest.v1+json"})
end
done = function(summary)
  if summary.errors.status > 0 then print("some answers were errors") os.exit(1) end
end
LUA
  wrk -t 1 -c 64 -d 5s -s "$memory/wrk.lua" "http://$1" >"$memory/said" || { cat "$memory/said" >&2; return 1; }
  awk '/^Requests\/sec/ { print $2 }' "$memory/said"
}
