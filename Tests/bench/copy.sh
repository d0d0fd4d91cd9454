# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Media: a copy of 1 GiB to a loop device, read back from it, against dd doing both. Needs root. Sourced by Tests/bench.sh.

bench_copy() {
  local kind
  [ "$(id -u)" = 0 ] || { echo "copy: loop devices need root" >&2; return; }
  mkdir -p "$memory/medium" "$memory/files"
  medium=$memory/medium
  copy_bundle
  echo
  echo "copy: 1 GiB to a loop device and back; dd writes with oflag=direct conv=fsync and reads with iflag=direct, 4 MiB at once"
  for kind in ext4 exfat; do
    copy_attach "$kind"
    versus "copy to $kind" copy_fresh copy_ours "dd there and back" copy_dd 1.1
    umount "$medium"
    losetup --detach "$copy_device"
    rm "$disk/medium.img"
  done
}

# A bundle with one large file and four smaller ones.
copy_bundle() {
  local port name
  head -c 600M /dev/urandom >"$memory/files/large"
  for name in a b c d; do head -c 106M /dev/urandom >"$memory/files/$name"; done
  port=$(free_port)
  in_background "$memory/files.log" python3 -m http.server "$port" --bind 127.0.0.1 --directory "$memory/files"
  await "http://127.0.0.1:$port/"
  { printf 'version: 1\nname: media\nplatforms: [linux/amd64]\nfiles:\n'
    for name in large a b c d; do printf '  %s: { url: http://127.0.0.1:%s/%s }\n' "$name" "$port" "$name"; done; } >"$memory/media.yaml"
  "$sealift" collect "$memory/media.yaml" -o "$memory/media.sealift" --insecure "127.0.0.1:$port" --no-tool >/dev/null 2>&1
}

# A file system of that kind on a loop device, whose file is read and written past the cache where that is possible.
copy_attach() {
  truncate -s 3G "$disk/medium.img"
  copy_device=$(losetup --find --show --direct-io=on "$disk/medium.img" 2>/dev/null || losetup --find --show "$disk/medium.img")
  if [ "$1" = ext4 ]; then
    mkfs.ext4 -q "$copy_device"
    mount "$copy_device" "$medium"
  else
    mkfs.exfat "$copy_device" >/dev/null
    mount -t exfat "$copy_device" "$medium" 2>/dev/null || mount.exfat-fuse "$copy_device" "$medium"
  fi
}

copy_fresh() { rm -f "$medium"/media* && sync; }
copy_ours() { "$sealift" copy "$memory/media.sealift" "$medium"; }
copy_dd() {
  dd if="$memory/media.sealift" of="$medium/media" bs=4M oflag=direct conv=fsync
  dd if="$medium/media" of=/dev/null bs=4M iflag=direct
}
