"""`facts_from`: one machine's capture -> its facts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from migrate.facts.capture import Capture
from migrate.facts.model import Kubelet, NodeFacts, Unreadable
from migrate.facts.parse import system
from migrate.facts.parse.cni import cni
from migrate.facts.parse.containerd import containerd
from migrate.facts.parse.docker import docker
from migrate.facts.parse.kubelet import endpoint, kubelet
from migrate.facts.parse.reading import Reading
from migrate.facts.parse.units import units
from migrate.formats import FormatError, yaml_doc

VERSIONS = ("runc version", "crun version", "crio version", "cri-dockerd version", "crictl version", "podman version", "kubeadm version")
SOCKETS = "/run/"


def facts_from(capture: Capture) -> NodeFacts:
    """The facts of one machine. Never raises on odd content: what cannot be read is in `unreadable`."""
    reading = Reading(capture)
    loaded = units(reading)
    node_kubelet = kubelet(reading, loaded)
    config_dir, bin_dirs = _cni_directories(node_kubelet)
    return NodeFacts(
        host=capture.host,
        taken=capture.taken,
        redacted=capture.redacted,
        root=(reading.output("id") or "").strip() == "0",
        os=system.operating_system(reading),
        units=loaded,
        kubelet=node_kubelet,
        endpoint=endpoint(node_kubelet, reading),
        docker=docker(reading, loaded),
        containerd=containerd(reading, loaded),
        other_runtimes=_other_runtimes(reading),
        sockets={path: found.kind for path, found in capture.under(SOCKETS) if found.kind != "absent"},
        cni=cni(reading, config_dir, bin_dirs),
        kernel=system.kernel(reading),
        filesystems=system.filesystems(reading),
        packages=system.packages(reading),
        listeners=system.listeners(reading),
        docker_uses=system.docker_uses(reading),
        docker_group=system.docker_group(reading),
        marks=system.marks(reading),
        crictl=_crictl(reading),
        unreadable=reading.unreadable,
        files=capture.paths,
    )


def _cni_directories(found: Kubelet | Unreadable | None) -> tuple[str, tuple[str, ...]]:
    config_dir = "/etc/cni/net.d"
    bin_dirs: tuple[str, ...] = ("/opt/cni/bin",)
    if isinstance(found, Kubelet):
        if (flag := found.flag("cni-conf-dir")) and flag.value:
            config_dir = flag.value
        if (flag := found.flag("cni-bin-dir")) and flag.value:
            bin_dirs = tuple(flag.value.split(","))
    return config_dir, bin_dirs


def _other_runtimes(reading: Reading) -> Mapping[str, str]:
    """Name -> version of each runtime program that answered."""
    found = {}
    for key in VERSIONS:
        text = reading.output(key)
        if text:
            version = re.search(r"v?\d+\.\d+(\.\d+)?\S*", text)
            found[key.removesuffix(" version")] = version[0] if version else text.splitlines()[0]
    return found


def _crictl(reading: Reading) -> Mapping[str, Any] | Unreadable | None:
    text = reading.file("/etc/crictl.yaml")
    if not isinstance(text, str):
        return text
    try:
        value = yaml_doc.load(text)
    except FormatError as wrong:
        return reading.note("/etc/crictl.yaml", str(wrong))
    return value if isinstance(value, Mapping) else reading.note("/etc/crictl.yaml", "it is no mapping")
