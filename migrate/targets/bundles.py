"""The static tarballs of each runtime, as their projects publish them.

Left out of both: runc and crun (in /usr/local/bin they would come before Docker's own), CNI plugins and configurations (dockershim takes
the first file of /etc/cni/net.d at once), configuration files, which docker2cri's own edits write, manuals and completions.
"""

from __future__ import annotations

from migrate.targets.bundle import Layout, Member

BIN = "/usr/local/bin"
UNITS = "/usr/local/lib/systemd/system"  # read before the distribution's units, after /etc (systemd.unit(5))
VERSION = r"(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.]+)?)"
ARCH = r"(?P<arch>[a-z0-9]+)"

# Sources: cri-o contrib/bundle/{build,install,vars} at v1.20.3 to v1.28.1; later cri-o/packaging scripts/bundle/build, its history.
# CRI-O finds conmon, pinns and runc in PATH where no file names them, and starts without crio.conf and without crun, which is
# ignored with a warning (pkg/config/config.go at v1.20.0 to v1.36.0). conmonrs serves runtime_type "pod" alone.
CRIO_BUNDLE = Layout(
    title="CRI-O",
    named=rf"cri-o\.{ARCH}\.v{VERSION}\.tar\.gz",
    example="cri-o.amd64.v1.23.5.tar.gz",
    members=(
        Member("cri-o/bin/crio", f"{BIN}/crio"),
        Member("cri-o/bin/pinns", f"{BIN}/pinns"),
        # its name for the first half of 2024 (cri-o/packaging 919803a to a2e0d10)
        Member("cri-o/bin/conmon", f"{BIN}/conmon", also=("cri-o/bin/crio-conmon",)),
        Member("cri-o/bin/crictl", f"{BIN}/crictl"),
        Member("cri-o/contrib/crio.service", f"{UNITS}/crio.service", mode="644"),
    ),
    refused=(
        (
            r"cri-o\.[a-z0-9]+\.[0-9a-f]{40}\.tar\.gz",
            "is a build of a commit and names no version: take a release, like cri-o.amd64.v1.23.5.tar.gz",
        ),
        (
            r"crio-.*\.tar\.gz",
            "is packed as up to CRI-O 1.20.2, which is not supported: take the latest patch release, like cri-o.amd64.v1.20.9.tar.gz",
        ),
    ),
)

# Sources: containerd Makefile (RELEASE, STATICRELEASE, CRIRELEASE), docs/getting-started.md, containerd.service at v1.6.20 and v2.0.0.
# LimitNOFILE=infinity, which 2.0 dropped, is what containers have under Docker's own units.
CONTAINERD_UNIT = f"""\
[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target local-fs.target

[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart={BIN}/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
LimitNOFILE=infinity
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
"""
CONTAINERD_BUNDLE = Layout(
    title="containerd",
    named=rf"containerd-(?:static-)?{VERSION}-linux-{ARCH}\.tar\.gz",
    example="containerd-1.6.20-linux-amd64.tar.gz",
    members=(
        Member("bin/containerd", f"{BIN}/containerd"),
        Member("bin/containerd-shim-runc-v2", f"{BIN}/containerd-shim-runc-v2"),
        Member("bin/ctr", f"{BIN}/ctr"),
    ),
    written=((f"{UNITS}/containerd.service", CONTAINERD_UNIT),),
    refused=(
        (
            r"cri-containerd-.*\.tar\.gz",
            "is to be unpacked over / and brings runc, mostly a CNI configuration too, under which Docker would change: "
            "take the one named like containerd-1.6.20-linux-amd64.tar.gz",
        ),
    ),
)
