#!/bin/bash
# Prepares a node.
set -e
bash "$(dirname "$0")/docker.sh"
