# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Debian packages: what the build needs, and a function that installs what is missing. Sourced.
build_packages="git pkg-config libcurl4-openssl-dev libarchive-dev libssl-dev libisal-dev libdeflate-dev libyaml-dev"

# The release build, from whose objects bundles/tool/build.sh links the static executable.
release_build="swift build -c release --product sealift"

# Installs those of the packages that are not there; asks the network only when one is missing.
install_missing() {
  local missing=() name
  for name in "$@"; do
    [ "$(dpkg-query -Wf '${Status}' "$name" 2>/dev/null)" = 'install ok installed' ] || missing+=("$name")
  done
  if [ "${#missing[@]}" = 0 ]; then
    echo "all there: $*"
    return
  fi
  echo "installing: ${missing[*]}"
  local admin=(env DEBIAN_FRONTEND=noninteractive)
  [ "$(id -u)" = 0 ] || admin=(sudo "${admin[@]}")
  "${admin[@]}" apt-get -qq update
  "${admin[@]}" apt-get -qq -o Acquire::Retries=3 --no-install-recommends install -y "${missing[@]}" >/dev/null
}
