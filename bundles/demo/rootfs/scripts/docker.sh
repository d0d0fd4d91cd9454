#!/bin/bash
# Installs docker on a node from the cluster's own tarball, and insists on its version.
set -e
rootfs=$(dirname "$(cd "$(dirname "$0")" && pwd)")
DOCKER_VERSION="19.03.14-sealer"
if ! command -v docker >/dev/null; then
  tar -zxf "$rootfs/cri/docker.tar.gz" -C /usr/bin
  mkdir -p /etc/docker
  cp "$rootfs/etc/daemon.json" /etc/docker/daemon.json
  cp "$rootfs/etc/docker.service" /usr/lib/systemd/system/docker.service
  systemctl enable --now docker
fi
running=$(docker version --format '{{.Server.Version}}')
if [ "$running" != "$DOCKER_VERSION" ]; then
  echo "docker $running is running, $DOCKER_VERSION is needed" >&2
  exit 1
fi
