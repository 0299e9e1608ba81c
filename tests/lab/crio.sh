#!/bin/sh
# In a node: CRI-O as a package would leave it, installed and stopped. Its binaries were laid into /usr/local/bin before.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends conmon skopeo >/dev/null 2>&1
mkdir -p /etc/crio/crio.conf.d /var/lib/crio
cat >/etc/crio/crio.conf <<'CONF'
# CRI-O's main file: its place for logs, and sandboxes with a process of their own, for without one CRI-O makes their cgroups itself in
# hierarchies (net_cls) that a node in a container may not write to.
[crio]
log_dir = "/var/log/crio/pods"

[crio.runtime]
drop_infra_ctr = false
CONF
cat >/etc/systemd/system/crio.service <<'UNIT'
[Unit]
Description=Container Runtime Interface for OCI (CRI-O)
Wants=network-online.target
Before=kubelet.service
After=network-online.target

[Service]
Type=notify
EnvironmentFile=-/etc/sysconfig/crio
Environment=GOTRACEBACK=crash
ExecStart=/usr/local/bin/crio $CRIO_CONFIG_OPTIONS $CRIO_RUNTIME_OPTIONS $CRIO_STORAGE_OPTIONS $CRIO_NETWORK_OPTIONS $CRIO_METRICS_OPTIONS
ExecReload=/bin/kill -s HUP $MAINPID
TasksMax=infinity
TimeoutStartSec=0
Restart=on-abnormal

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
