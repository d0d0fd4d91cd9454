# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Debian packages: what the build needs, and a function that installs what is missing. Sourced.
build_packages="git pkg-config libcurl4-openssl-dev libarchive-dev libssl-dev libisal-dev libdeflate-dev libyaml-dev"

# The release build, from whose objects bundles/tool/build.sh links the static executable.
release_build="swift build -c release --product sealift"

# Those of the packages that are not installed.
missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -Wf '${Status}' "$name" 2>/dev/null)" = 'install ok installed' ] || echo "$name"
  done
}

# Refuses to continue without the packages, and names those that are missing.
require_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  printf 'not installed: %s\nas root: apt-get install --no-install-recommends %s\n' "${missing[*]}" "${missing[*]}" >&2
  return 69
}

# Installs those of the packages that are not there; asks the network only when one is missing.
install_missing() {
  local missing admin=(env DEBIAN_FRONTEND=noninteractive)
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" = 0 ]; then
    echo "all there: $*"
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || require_packages "$@" || return
    admin=(sudo "${admin[@]}")
  fi
  echo "installing: ${missing[*]}"
  if ! "${admin[@]}" apt-get -qq update ||
    ! "${admin[@]}" apt-get -qq -o Acquire::Retries=3 --no-install-recommends install -y "${missing[@]}" >/dev/null; then
    require_packages "$@"
  fi
}
