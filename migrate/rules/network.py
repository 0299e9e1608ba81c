"""D2C501 to D2C505: pods' network, which is no longer Docker's affair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.facts.cluster import PodContainer
from migrate.formats import FormatError, version
from migrate.rules import NodeView, Seen, Severity, rule
from migrate.rules.pods import by_owner, live


@rule("D2C501", "network-plugin-not-cni", Severity.BLOCKER)
def network_plugin_not_cni(view: NodeView) -> Iterator[Seen]:
    """The kubelet's network plugin is not CNI.

    Why: without `--network-plugin=cni` pods are on docker0, with `kubenet` on a bridge that the kubelet made. A CRI runtime knows
    CNI only: without a plugin for the whole cluster no pod would get an address.

    Remedy: Install a CNI plugin in the cluster first and bring the nodes to it, then set the flag:

        --network-plugin=cni     # in the file that the evidence names

    Sources: Kubernetes v1.20.2 pkg/kubelet/dockershim/network; kubernetes.io, Network plugins.
    """
    if view.facts.endpoint.kind == "dockershim" and view.kubelet:
        flag = view.kubelet.flag("network-plugin")
        if flag is None:
            yield Seen("--network-plugin", "no file of the kubelet gives it, and its default is docker0")
        elif flag.value != "cni":
            yield Seen("--network-plugin", f"{flag.place}: --network-plugin={flag.value or ''}")


@rule("D2C502", "cni-config-missing", Severity.BLOCKER)
def cni_config_missing(view: NodeView) -> Iterator[Seen]:
    """There is no CNI configuration on the node.

    Why: the runtime reports its network as not ready, and the node stays NotReady.

    Remedy: See why the cluster's network agent did not write its file:

        ls -l /etc/cni/net.d     # on the node
        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE

    Sources: containerd docs/cri/config.md (cni); containernetworking/cni libcni.
    """
    if view.facts.cni.config is None:
        yield Seen(view.facts.cni.config_dir, f"no *.conf, *.conflist or *.json among {len(view.facts.cni.files)} files")


@rule("D2C503", "cni-plugin-missing", Severity.BLOCKER)
def cni_plugin_missing(view: NodeView) -> Iterator[Seen]:
    """A plugin that the CNI configuration names, or `loopback`, is not on the node.

    Why: the runtime calls these programs for every sandbox, `loopback` first (containerd up to 2.0). One that is missing fails every pod.

    Remedy: Install the plugins where the configuration looks for them:

        ls /opt/cni/bin     # on the node
        apt-get install kubernetes-cni

    Sources: containerd docs/cri/installation.md; kubernetes.io, Troubleshooting CNI plugin-related errors.
    """
    cni = view.facts.cni
    if isinstance(cni.config, Mapping):
        missing = [name for name in ("loopback", *sorted(set(_plugin_types(cni.config)) - {"loopback"})) if name not in cni.plugins]
        if missing:
            yield Seen(
                ", ".join(missing),
                f"not in {', '.join(cni.bin_dirs)}; {cni.files[0] if cni.files else 'the CNI configuration'} is in force",
            )


@rule("D2C504", "low-port-without-root", Severity.INFO)
def low_port_without_root(view: NodeView) -> Iterator[Seen]:
    """A container that does not run as root has a port below 1024.

    Why: Docker 20.10 and later lets any process of a pod bind such ports, and use ping. containerd before 2.0 does so only with
    enable_unprivileged_ports and enable_unprivileged_icmp; the plan sets both unless the file already says otherwise.

    Remedy: See that the plan sets them, or give the pod the sysctl:

        docker2cri plan --to containerd NODE

    Sources: moby v20.10.24 daemon/oci_linux.go; containerd v1.6.20 sandbox_run_linux.go; containerd issue 2516; kubespray issue 9517.
    """
    if view.docker and view.containerd and _at_least(view.docker.version, 20, 10) and not _at_least(view.containerd.version, 2, 0):
        pods = [pod for pod in live(view) if not pod.spec.host_network]
        yield from by_owner(view, ((pod, what) for pod in pods for one in pod.spec.all_containers for what in _low_ports(one)))


@rule("D2C505", "addresses-not-host-local", Severity.INFO)
def addresses_not_host_local(view: NodeView) -> Iterator[Seen]:
    """Pod addresses are given out by another plugin than host-local.

    Why: nobody calls CNI DEL for sandboxes that Docker still holds when the kubelet leaves it. docker2cri releases host-local's
    leases; other plugins have a collector of their own (Calico: about 20 minutes), and until then the addresses are taken.

    Remedy: Nothing, or let the plugin's own collector run after the migration:

        calicoctl ipam check     # Calico

    Sources: Kubernetes v1.20.2 pkg/kubelet/dockershim/docker_sandbox.go; KubeMarine issue 208.
    """
    if isinstance(view.facts.cni.config, Mapping):
        names = [name for name in _ipam_types(view.facts.cni.config) if name != "host-local"]
        if names:
            yield Seen("CNI ipam", f"{view.facts.cni.files[0] if view.facts.cni.files else view.facts.cni.config_dir}: {', '.join(names)}")


def _networks(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The plugin tables of a conflist, or the one of a conf; what is of another form is passed over."""
    plugins = config.get("plugins")
    return [one for one in (plugins if isinstance(plugins, list) else [config]) if isinstance(one, Mapping)]


def _plugin_types(config: Mapping[str, Any]) -> list[str]:
    return [str(one["type"]) for one in _networks(config) if one.get("type")] + _ipam_types(config)


def _ipam_types(config: Mapping[str, Any]) -> list[str]:
    ipams = (one.get("ipam") for one in _networks(config))
    return list(dict.fromkeys(str(ipam["type"]) for ipam in ipams if isinstance(ipam, Mapping) and ipam.get("type")))


def _low_ports(container: PodContainer) -> Iterator[str]:
    context = container.security_context
    if context and (context.run_as_non_root or (context.run_as_user or 0) > 0):
        for port in container.ports or ():
            if 0 < port.container_port < 1024:
                user = f"runAsUser {context.run_as_user}" if context.run_as_user else "runAsNonRoot"
                yield f"container {container.name}: {user}, containerPort {port.container_port}"


def _at_least(text: str, major: int, minor: int) -> bool:
    try:
        return version.parse(text).release >= (major, minor)
    except FormatError:
        return False
