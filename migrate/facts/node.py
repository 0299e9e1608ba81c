"""`facts_from`: one machine's capture -> its facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.errors import understood
from migrate.facts.capture import Capture
from migrate.facts.model import Containerd, CriDockerd, Crio, Kubelet, NodeFacts
from migrate.facts.parse import leaning, system
from migrate.facts.parse.actors import actors
from migrate.facts.parse.cni import cni
from migrate.facts.parse.containerd import containerd
from migrate.facts.parse.cri_dockerd import cri_dockerd
from migrate.facts.parse.crio import crio
from migrate.facts.parse.docker import docker
from migrate.facts.parse.etcd import etcd
from migrate.facts.parse.kubelet import endpoint, kubelet
from migrate.facts.parse.reading import Reading
from migrate.facts.parse.runtimes import runtimes
from migrate.facts.parse.units import units
from migrate.facts.runtime_table import CONTAINERD, CRIO
from migrate.facts.runtimes import inside
from migrate.facts.values import Unreadable
from migrate.formats import FormatError, yaml_doc

SOCKETS = "/run/"


def facts_from(capture: Capture, reported: str = "") -> NodeFacts:
    """The facts of one machine; what of it cannot be read is in `unreadable`. Raises NodeUnreadable for answers that nobody foresaw.

    `reported` is the kubelet's version as the Node has it, for a capture that did not ask the kubelet itself.
    """
    return understood(capture.host, lambda: parsed(capture, reported))


def parsed(capture: Capture, reported: str = "") -> NodeFacts:
    """As `facts_from`, with whatever a parser raises."""
    reading = Reading(capture)
    loaded = units(reading)
    node_kubelet = kubelet(reading, loaded, reported)
    node_docker, node_containerd = docker(reading, loaded), containerd(reading, loaded)
    node_crio = crio(reading, loaded)
    node_endpoint = endpoint(node_kubelet, reading, _serving(node_containerd, node_crio))
    machine = system.operating_system(reading)
    shim = cri_dockerd(reading, loaded) if node_endpoint.kind == "cri-dockerd" else None
    config_dir, bin_dirs = _cni_directories(node_kubelet, shim)
    return NodeFacts(
        host=capture.host,
        taken=capture.taken,
        redacted=capture.redacted,
        root=(reading.output("id") or "").strip() == "0",
        os=machine,
        units=loaded,
        kubelet=node_kubelet,
        endpoint=node_endpoint,
        docker=node_docker,
        containerd=node_containerd,
        crio=node_crio,
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
        actors=actors(reading),
        socket_users=leaning.socket_users(reading),
        firewall=leaning.firewall(reading),
        pod_limits=leaning.pod_limits(reading),
        unit_limits=leaning.unit_limits(reading),
        logins=leaning.logins(reading),
        docker_certificates=leaning.docker_certificates(reading),
        runtimes=runtimes(reading, node_kubelet, node_endpoint, node_docker, node_containerd, node_crio),
        inside=inside(machine.virtualization),
        tools=system.tools(reading),
        cri_dockerd=shim,
        mounts=system.mounts(reading),
        etcd=etcd(reading),
        unreadable=reading.unreadable,
        files=capture.paths,
    )


def _serving(containerd: object, crio: object) -> dict[str, str]:
    """The runtimes by the sockets that they are told to serve."""
    found = {crio.socket: CRIO.name} if isinstance(crio, Crio) else {}
    return found | ({containerd.socket: CONTAINERD.name} if isinstance(containerd, Containerd) else {})


def _cni_directories(kubelet: Kubelet | Unreadable | None, shim: CriDockerd | Unreadable | None) -> tuple[str, tuple[str, ...]]:
    """Where the source looks for configurations and plugins: cri-dockerd has flags of its own, by the names of the kubelet's."""
    if isinstance(shim, CriDockerd):
        given = {name: value for name, value in shim.flags.items() if value}
    else:
        given = {flag.name: flag.value for flag in kubelet.flags if flag.wins and flag.value} if isinstance(kubelet, Kubelet) else {}
    folders = given.get("cni-bin-dir", "/opt/cni/bin").split(",")
    return _plain(given.get("cni-conf-dir", "/etc/cni/net.d")), tuple(_plain(folder) for folder in folders if folder)


def _plain(folder: str) -> str:
    return folder.rstrip("/") or folder


def _crictl(reading: Reading) -> Mapping[str, Any] | Unreadable | None:
    text = reading.file("/etc/crictl.yaml")
    if not isinstance(text, str):
        return text
    try:
        value = yaml_doc.load(text)
    except FormatError as wrong:
        return reading.note("/etc/crictl.yaml", str(wrong))
    return value if isinstance(value, Mapping) else reading.note("/etc/crictl.yaml", "it is no mapping")
