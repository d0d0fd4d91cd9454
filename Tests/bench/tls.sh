# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# TLS of serve, against nginx with the same OpenSSL, certificate and bytes. Sourced by Tests/bench.sh.

bench_tls() {
  tls_servers
  echo
  echo "serve over TLS: a file of 1 GiB, and new connections, on loopback from a memory file system"
  versus "1 GiB over TLS 1.3" nothing download_tls "nginx" download_tls_nginx 1.0
  local ours theirs version
  for version in 1_3 1_2; do
    ours=$(handshakes_a_second "$tls" "$version") theirs=$(handshakes_a_second "$tls_nginx" "$version")
    figure "full handshakes a second, TLS ${version/_/.}" "$ours" 1/s -
    figure "  nginx" "$theirs" 1/s -
    figure "  nginx's ÷ ours" "$(awk "BEGIN { print $theirs / $ours }")" "" 1.25
  done
}

# sealift and nginx on one file, with one certificate.
tls_servers() {
  local place=$memory/tls
  mkdir -p "$place/temporary" "$place/files"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$place/key" -out "$place/certificate" 2>/dev/null
  head -c 1G /dev/urandom >"$place/files/large"
  printf 'version: 1\nname: tls\nplatforms: [linux/amd64]\nfiles:\n  large: { path: files/large }\n' >"$place/tls.yaml"
  "$sealift" collect "$place/tls.yaml" -o "$place/tls.sealift" --no-tool >/dev/null 2>"$memory/said" || { cat "$memory/said" >&2; return 1; }
  # What was written within the last seconds may still change unseen: its hash is not remembered.
  sleep 3
  tls=127.0.0.1:$(free_port) tls_nginx=127.0.0.1:$(free_port)
  cat >"$place/nginx.conf" <<CONF
$([ "$(id -u)" = 0 ] && echo 'user root;')
worker_processes 2; pid $place/nginx.pid; error_log $place/nginx-error.log; daemon off;
events { worker_connections 512; }
http {
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path $place/temporary; proxy_temp_path $place/temporary; fastcgi_temp_path $place/temporary;
  uwsgi_temp_path $place/temporary; scgi_temp_path $place/temporary;
  ssl_certificate $place/certificate; ssl_certificate_key $place/key; ssl_protocols TLSv1.2 TLSv1.3;
  server { listen $tls_nginx ssl; root $place; }
}
CONF
  in_background "$place/serve.log" "$sealift" serve "$place/tls.sealift" --listen "$tls" --tls "$place/certificate" "$place/key"
  PATH=$PATH:/usr/sbin in_background "$place/nginx.log" nginx -p "$place" -c "$place/nginx.conf" -e "$place/nginx-error.log"
  export CURL_CA_BUNDLE=$place/certificate
  await "https://$tls/healthz"
  await "https://$tls_nginx/" 403
  download_tls
}

download_tls() { curl -fso /dev/null "https://$tls/files/large"; }
download_tls_nginx() { curl -fso /dev/null "https://$tls_nginx/files/large"; }

# Of two clients, so that both cores are busy; the better half of them is the client's work.
handshakes_a_second() {
  local clients=() client
  for client in 1 2; do
    openssl s_time -connect "$1" -new "-tls$2" -time 5 >"$memory/handshakes$client" 2>&1 &
    clients+=($!)
  done
  wait "${clients[@]}"
  awk '/connections in .* real seconds/ { all += $1 / $4 } END { print all }' "$memory/handshakes1" "$memory/handshakes2"
}
