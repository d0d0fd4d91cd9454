#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes one fully static sealift for hosts that have nothing but a kernel, on Debian 12 with a Swift toolchain.
#
# usage: bundles/tool/build.sh [OUTPUT [OBJECTS]]
#   OUTPUT    the executable to write (.build/tool/sealift)
#   OBJECTS   a list of object files of sealift, one a line, to link instead of compiling a release build
#
# Nothing of the host changes: Debian's packages are unpacked, and libcurl and isa-l are built from Debian's sources, below
# .build/tool, where a later run finds them. README.md beside this file says more.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
objects=${2:+$(realpath "$2")}
output=$(realpath -m "${1:-$here/../../.build/tool/sealift}")
cd "$here/../.."

# shellcheck source=../demo/packages.sh
. "$here/../demo/packages.sh"
command -v swiftc >/dev/null || { echo "no Swift toolchain in PATH; get one from https://swift.org/install" >&2; exit 69; }
# Before any work, and nothing is installed here.
# shellcheck disable=SC2086
require_packages gcc make dpkg-dev patch $([ -n "$objects" ] || echo $build_packages)

place=$PWD/.build/tool
work=$place
mkdir -p "$place"
# configure and make take a path with spaces for several: they get one without.
case $place in *[[:space:]]*)
  link=$(mktemp -d)
  trap 'rm -rf "$link"' EXIT
  work=$link/tool
  ln -s "$place" "$work" ;;
esac
root=$work/root
triplet=$(cc -dumpmachine)
libraries=$root/usr/lib/$triplet
mkdir -p "$libraries"
export SOURCE_DATE_EPOCH=0 LC_ALL=C

# What Debian has as a static archive; nasm only runs here.
packages="libarchive-dev libssl-dev libcrypt-dev libyaml-dev libdeflate-dev libseccomp-dev libnghttp2-dev nettle-dev zlib1g-dev
  libzstd-dev liblzma-dev libbz2-dev nasm"

# A sources list of our own: the host's Debian archives, with their sources.
lists=$work/apt
apt_private() {
  apt-get -q -o Dir::Etc::SourceList="$lists/all.list" -o Dir::Etc::SourceParts="$lists/parts" -o Dir::State::Lists="$lists/lists" \
    -o Dir::Cache="$lists/cache" -o APT::Sandbox::User=root "$@"
}
prepare_apt() {
  mkdir -p "$lists/parts" "$lists/lists/partial" "$lists/cache/archives/partial"
  : >"$lists/all.list"
  if [ -e /etc/apt/sources.list.d/debian.sources ]; then
    sed 's/^Types:.*/Types: deb deb-src/' /etc/apt/sources.list.d/debian.sources >"$lists/parts/debian.sources"
  else
    sed -n 's/^deb \(.*\)/deb \1\ndeb-src \1/p' /etc/apt/sources.list >"$lists/all.list"
  fi
  apt_private update >"$work/apt.log"
}

# Runs FUNCTION once for its own text: the cache follows the recipe.
once() {
  local recipe
  recipe=$({ declare -f "$1" unpack_source apt_private; echo "$packages"; } | sha256sum | cut -c1-16)
  [ -e "$work/$1.$recipe" ] && return
  echo "$1 ..." >&2
  # Not behind `||`, where bash would ignore the failures inside.
  set +e
  (set -e; "$1") >"$work/$1.log" 2>&1
  local status=$?
  set -e
  if [ $status -ne 0 ]; then
    tail -n 20 "$work/$1.log" >&2
    echo "$1 failed; all of its output: $place/$1.log" >&2
    exit 1
  fi
  rm -f "$work/$1".????????????????
  : >"$work/$1.$recipe"
}

unpack_packages() {
  rm -rf "$work/debs" && mkdir "$work/debs"
  # shellcheck disable=SC2086
  (cd "$work/debs" && apt_private download $packages)
  for deb in "$work/debs"/*.deb; do dpkg-deb -x "$deb" "$root"; done
}

unpack_source() {
  rm -rf "${work:?}/$1" && mkdir "$work/$1"
  (cd "$work/$1" && apt_private source --only-source "$1")
}

build_curl() {
  unpack_source curl
  cd "$work"/curl/curl-*/
  CPPFLAGS="-I$root/usr/include -I$root/usr/include/$triplet" LDFLAGS="-L$libraries" PKG_CONFIG=false ./configure \
    --disable-shared --enable-static --with-openssl --with-nghttp2="$root/usr" --with-zlib --without-libpsl --without-libidn2 --without-librtmp \
    --without-libssh2 --without-brotli --without-zstd --without-gssapi --without-ca-bundle --without-ca-path --disable-ldap \
    --disable-ldaps --disable-rtsp --disable-dict --disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb \
    --disable-smtp --disable-gopher --disable-mqtt --disable-ftp --disable-file --disable-manual \
    --disable-cookies --disable-alt-svc --disable-hsts --disable-doh --disable-mime --disable-netrc --disable-ntlm --disable-crypto-auth \
    --disable-headers-api --disable-get-easy-options LIBS=-ldl
  make -j"$(nproc)" -C lib
  cp lib/.libs/libcurl.a "$libraries/"
}

build_isal() {
  unpack_source libisal
  cd "$work"/libisal/*/
  make -f Makefile.unx -j"$(nproc)" AS="$root/usr/bin/nasm" CC=cc lib
  cp bin/isa-l.a "$libraries/libisal.a"
}

# Static glibc would load the host's name service modules, which may be of another glibc: only files and DNS are asked.
build_name_service() {
  cat >"$work/nss.c" <<'C'
#include <nss.h>
__attribute__((constructor)) static void only_files_and_dns(void) {
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
}
C
  cc -O2 -c "$work/nss.c" -o "$work/nss.o"
}

# The parts of Swift's runtime that the link takes.
runtime="swiftCore swift_Concurrency swift_StringProcessing swift_RegexParser swiftDispatch dispatch FoundationEssentials
  _FoundationCollections"

# Copies what is linked into FOLDER, without debug information, unwind tables and the hashes of modules. The tables are an eighth of
# the executable, and only glibc's pthread_exit walks a stack: it needs those of glibc, and stops at the first frame that has none.
# The lists of addresses that matter (.llvm_addrsig) are void once symbols go; without one the linker takes it that all matter.
copy_lean() {
  local folder=$1 objects=$2 name toolchain
  shift 2
  toolchain=$(swiftc -static-stdlib -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
  rm -rf "$folder" && mkdir "$folder"
  {
    for name; do echo "$libraries/lib$name.a"; done
    for name in $runtime; do echo "$toolchain/linux/lib$name.a"; done
    # The list quotes names as xargs reads them. Parts for tests and other systems hold nothing that runs here.
    xargs -n 1 <"$objects" | grep -v -E '/(NIOEmbedded|CNIOWindows|CNIOWASI|CNIODarwin|CNIOFreeBSD|CNIOOpenBSD)\.build/'
  } | awk -v folder="$folder" '{
      to = $0; sub(".*/", "", to); if (to ~ /o$/) to = NR ".o"
      printf "%s%c%s/%s%c", $0, 0, folder, to, 0 }' |
    xargs -0 -n 2 -P "$(nproc)" "$toolchain/../../bin/llvm-objcopy" --strip-debug --remove-section=.eh_frame --remove-section=.swift_modhash \
      --remove-section=.llvm_addrsig
}

link() {
  local archives lean=$work/lean name
  # The libraries of the module maps, then those that they need.
  archives=($(sed -n 's/^ *link "\(.*\)"/\1/p' Sources/*/module.modulemap) nghttp2 nettle z zstd lzma bz2)
  for name in "${archives[@]}"; do
    [ -e "$libraries/lib$name.a" ] || { echo "no static archive of $name: add its package to 'packages' in $0" >&2; exit 1; }
  done
  copy_lean "$lean" "$1" "${archives[@]}"
  archives=("${archives[@]/#/$lean/lib}")
  { printf '%s\n' "$lean"/*.o; printf "$lean/lib%s.a\n" $runtime; } >"$lean/list"
  swiftc -static-executable -use-ld=lld -O "@$lean/list" "$work/nss.o" "$work/commit.o" -o "$output.new" \
    -Xlinker -O2 -Xlinker --icf=safe -Xlinker --defsym=main=sealift_main -L "$libraries" -l_FoundationCollections -l_FoundationCShims -Xlinker --start-group \
    "${archives[@]/%/.a}" -Xlinker --end-group -Xlinker -s -Xlinker --gc-sections
  rm -rf "$lean"
}

# The commit that was built, for --version.
name_commit() {
  local commit
  commit=$(git rev-parse --short=12 HEAD 2>/dev/null || true)
  [ -z "$commit" ] || [ -z "$(git status --porcelain)" ] || commit+=" with changes"
  echo "const char sealift_commit[] = \"$commit\";" >"$work/commit.c"
  cc -c "$work/commit.c" -o "$work/commit.o"
}

# Runs in an empty root: nothing of the host can help.
prove() {
  local empty
  empty=$(mktemp -d)
  trap 'rm -rf "$empty"' RETURN
  mkdir "$empty/proc"
  cp "$output.new" "$empty/sealift"
  unshare --mount --map-root-user --fork --pid bash -c \
    'mount -t proc proc "$0/proc" && chroot "$0" /sealift --version && { chroot "$0" /sealift verify none 2>/dev/null; [ $? = 66 ]; }' "$empty"
}

once prepare_apt
once unpack_packages
once build_curl
once build_isal
once build_name_service
if [ -z "$objects" ]; then
  $release_build >&2
  objects=$(swift build -c release --show-bin-path)/sealift.product/Objects.LinkFileList
fi
name_commit
link "$objects"
prove >&2
mv "$output.new" "$output"
printf '%s\n%s bytes, %s by gzip\nsha256 %s\n' "$output" "$(stat -c %s "$output")" "$(gzip -9c "$output" | wc -c)" \
  "$(sha256sum "$output" | cut -d' ' -f1)"
