#!/bin/sh
# In a node: containerd's official tarball over the distribution's package, with the configuration that it prints by default, running.
set -eu
mkdir -p /usr/local/lib/systemd/system
mv /usr/local/lib/containerd.service /usr/local/lib/systemd/system/containerd.service
containerd config default >/etc/containerd/config.toml
systemctl daemon-reload
systemctl restart containerd
