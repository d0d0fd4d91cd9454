# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the areas of the bench share. Sourced by Tests/bench.sh; an area defines the function bench_AREA.
#
#   $sealift  the release binary         $memory  an empty folder on a memory file system
#   $runs     how often each is run      $disk    an empty folder on a disk
runs=${RUNS:-5}
servers=()

# Makes the folders, and has them and the servers go at the end.
start_measuring() {
  memory=$(mktemp -d /dev/shm/sealift-bench.XXXXXX)
  disk=$(mktemp -d "${TMPDIR:-/tmp}/sealift-bench.XXXXXX")
  trap stop_measuring EXIT
  trap 'exit 130' INT TERM
  printf '%s cores of %s, %s memory, %s, medians of %s runs\n' "$(nproc)" \
    "$(lscpu | sed -n 's/^Model name: *//p')" "$(free -h | awk '/^Mem/ { print $2 }')" "$(date -u +%F)" "$runs"
}

stop_measuring() {
  local server
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; done
  rm -rf "$memory" "$disk"
}

# Runs a server in the background until the end: in_background LOG COMMAND...
in_background() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null &
  servers+=($!)
}

# Waits until the address answers with the status, 200 unless told otherwise.
await() {
  for _ in $(seq 300); do
    [ "$(curl -so /dev/null -w '%{http_code}' "$1")" != "${2:-200}" ] || return 0
    sleep 0.1
  done
  echo "$1 does not answer" >&2
  return 1
}

# A port of loopback without a listener.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# A docker-registry on loopback with a folder: start_registry ADDRESS FOLDER [LOG'S SETTINGS]. Its log is FOLDER.log.
start_registry() {
  cat >"$2.yml" <<CONF
version: 0.1
log: {${3:-level: error}}
storage: {filesystem: {rootdirectory: $2}}
http: {addr: $1, secret: bench}
CONF
  in_background "$2.log" docker-registry serve "$2.yml"
  await "http://$1/v2/"
}
# The settings of a log that has a line for each request.
access_log='level: info, formatter: text, accesslog: {disabled: false}'

# Nanoseconds that a function takes; what it says is shown only where it fails.
nanoseconds() {
  local start
  start=$(date +%s%N)
  "$1" >"$memory/said" 2>&1 || { cat "$memory/said" >&2; return 1; }
  echo $(($(date +%s%N) - start))
}

median() { sort -n | sed -n "$(((runs + 1) / 2))p"; }

# versus TITLE PREPARE OURS [PEER'S TITLE, PEER, BOUND]...
# Runs ours and each peer in turn, each after PREPARE. BOUND is the largest ratio of ours to the peer's that is
# promised, or - for none.
versus() {
  local title=$1 prepare=$2 ours=$3 names=() peers=() bounds=() run at
  shift 3
  while [ $# -gt 0 ]; do
    names+=("$1") peers+=("$2") bounds+=("$3")
    shift 3
  done
  local -a times=()
  for run in $(seq "$runs"); do
    "$prepare"
    times[0]+="$(nanoseconds "$ours") "
    for at in "${!peers[@]}"; do
      "$prepare"
      times[at + 1]+="$(nanoseconds "${peers[at]}") "
    done
  done
  local our_median peer_median
  our_median=$(printf '%s\n' ${times[0]} | median)
  awk -v t="$title" -v a="$our_median" 'BEGIN { printf "%-44s %8.3f s\n", t, a / 1e9 }'
  for at in "${!peers[@]}"; do
    peer_median=$(printf '%s\n' ${times[at + 1]} | median)
    awk -v t="${names[at]}" -v a="$our_median" -v b="$peer_median" -v m="${bounds[at]}" 'BEGIN {
      printf "  %-42s %8.3f s   ratio %.2f", t, b / 1e9, a / b
      if (m == "-") print ""; else print "   bound " m (a / b <= m ? "   met" : "   MISSED") }'
  done
}

# A figure and its bound: figure TITLE VALUE UNIT BOUND; - for no bound.
figure() {
  awk -v t="$1" -v a="$2" -v u="$3" -v m="$4" 'BEGIN {
    printf "%-44s %8.3f %s", t, a, u
    if (m == "-") print ""; else print "   bound " m (a <= m ? "   met" : "   MISSED") }'
}

# The median seconds of a function alone: alone TITLE PREPARE FUNCTION BOUND
alone() {
  local run times=""
  for run in $(seq "$runs"); do
    "$2"
    times+="$(nanoseconds "$3") "
  done
  figure "$1" "$(printf '%s\n' $times | median | awk '{ print $1 / 1e9 }')" s "$4"
}

nothing() { :; }
