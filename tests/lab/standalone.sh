#!/bin/sh
# Containers on the dirty worker that no kubelet knows of: one that starts again by itself, one that does not.
set -eu
standalone() {
  name=$1
  shift
  if docker container inspect "$name" >/dev/null 2>&1; then
    docker start "$name"
  else
    docker run --detach --name "$name" "$@"
  fi
}
standalone legacy-forwarder --restart always --env FORWARDER_TOKEN=Planted-Forwarder-T0ken lab/busybox:1.35 sleep 2147483647
standalone debug-shell lab/busybox:1.35 sleep 2147483647
