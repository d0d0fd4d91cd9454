#!/bin/bash
# Starts the cluster's registry on its host from the archived image and the registry folder.
set -e
rootfs=$(dirname "$(cd "$(dirname "$0")" && pwd)")
docker load -q -i "$rootfs/images/registry.tar"
docker run -d --restart=always --net=host --name sealer-registry \
  -v "${1:-$rootfs/registry}:/var/lib/registry" registry:2.7.1
