"""D2C213, D2C501 to D2C503, D2C505 and D2C520 to D2C524: pods' network, which is no longer Docker's affair."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from migrate.formats import version
from migrate.formats.listing import few
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.sources.table import source_of


@node_rule("D2C501", "network-plugin-not-cni", Severity.BLOCKER)
def network_plugin_not_cni(view: NodeView) -> Iterator[Seen]:
    """The network plugin is not CNI.

    Why: without `--network-plugin=cni` pods are on docker0, with `kubenet` on a bridge of the kubelet. The flag is the kubelet's with
    dockershim, cri-dockerd's own with cri-dockerd. A CRI runtime supports only CNI: without a plugin for the whole cluster no pod gets an
    address.

    Remedy: Install a CNI plugin in the cluster and change the nodes to it, then set the flag:

        --network-plugin=cni     # in the file that the evidence names

    Sources: Kubernetes v1.20.2 pkg/kubelet/dockershim/network; kubernetes.io, Network plugins; Mirantis/cri-dockerd config/options.go.
    """
    source = source_of(view.facts)
    if source is None or view.kubelet is None:
        return
    plugin = source.network(view.facts)
    if plugin.value in ("cni", None):  # None: nobody knows, and a rule says so
        return
    if plugin.place is None:
        yield Seen(f"--{plugin.name}", f"it is not given, and the default of {source.name} is docker0")
    else:
        yield Seen(f"--{plugin.name}", f"{plugin.place}: --{plugin.name}={plugin.value}")


@node_rule("D2C502", "cni-config-missing", Severity.BLOCKER)
def cni_config_missing(view: NodeView) -> Iterator[Seen]:
    """The node has no CNI configuration.

    Why: the target reports its network as not ready, and the node stays NotReady.

    Remedy: Find out why the cluster's network agent did not write its file:

        ls -l /etc/cni/net.d     # on the node
        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE

    Sources: containerd docs/cri/config.md (cni); containernetworking/cni libcni.
    """
    if view.facts.cni.config is None and view.facts.cni.config_dir not in view.facts.cni.unread:
        yield Seen(view.facts.cni.config_dir, f"no *.conf, *.conflist or *.json among {len(view.facts.cni.files)} files")


@node_rule("D2C503", "cni-plugin-missing", Severity.BLOCKER)
def cni_plugin_missing(view: NodeView) -> Iterator[Seen]:
    """The node lacks a plugin that the CNI configuration names, or `loopback`.

    Why: the runtime calls these programs for every sandbox (`loopback` for containerd up to 2.0). Without one of them no pod starts.

    Remedy: Install the plugins in the directory where the configuration looks for them:

        ls FOLDERS     # on the node
        apt-get install kubernetes-cni     # on the node

    Sources: containerd docs/cri/installation.md; kubernetes.io, Troubleshooting CNI plugin-related errors.
    """
    cni = view.facts.cni
    if isinstance(cni.config, Mapping) and not set(cni.bin_dirs) & set(cni.unread):
        missing = [name for name in ("loopback", *sorted(set(_plugin_types(cni.config)) - {"loopback"})) if name not in cni.plugins]
        if missing:
            yield Seen(
                ", ".join(missing),
                f"not in {', '.join(cni.bin_dirs)}; {cni.files[0] if cni.files else 'the CNI configuration'} is in force",
                values={"FOLDERS": shlex.join(cni.bin_dirs)},
            )


@node_rule("D2C213", "cni-folder-not-read", Severity.WARNING)
def cni_folder_not_read(view: NodeView) -> Iterator[Seen]:
    """A folder that CNI uses on this node was not read.

    Why: flags of the kubelet or of cri-dockerd name it, and this capture holds only the usual folders. Whether the configuration and its
    plugins are there is not known.

    Remedy: Inspect the node again; the folders that flags name are then read:

        docker2cri inspect NODE

    Sources: Kubernetes v1.20.2 cmd/kubelet/app/options/container_runtime.go; Mirantis/cri-dockerd config/options.go.
    """
    for folder in view.facts.cni.unread if view.on_docker else ():
        flag = "--cni-conf-dir" if folder == view.facts.cni.config_dir else "--cni-bin-dir"
        yield Seen(folder, f"{flag} names it, and this capture does not hold it")


@node_rule("D2C505", "addresses-not-host-local", Severity.INFO)
def addresses_not_host_local(view: NodeView) -> Iterator[Seen]:
    """Another plugin than host-local assigns the addresses of pods.

    Why: nothing calls CNI DEL for the sandboxes that Docker still has when the kubelet leaves it. The migration releases the leases of
    host-local; other plugins have a garbage collector of their own (Calico: about 20 minutes), and the addresses are in use until then.

    Remedy: Nothing for the migration. To release them at once, run the plugin's own collector after it:

        calicoctl ipam check     # Calico

    Sources: Kubernetes v1.20.2 pkg/kubelet/dockershim/docker_sandbox.go; KubeMarine issue 208.
    """
    if isinstance(view.facts.cni.config, Mapping):
        names = [name for name in _ipam_types(view.facts.cni.config) if name != "host-local"]
        if names:
            yield Seen("CNI ipam", f"{view.facts.cni.files[0] if view.facts.cni.files else view.facts.cni.config_dir}: {', '.join(names)}")


@node_rule("D2C520", "docker-user-rules", Severity.WARNING)
def docker_user_rules(view: NodeView) -> Iterator[Seen]:
    """The chain DOCKER-USER has rules of an administrator.

    Why: Docker creates the chain, and the jump to it from FORWARD, at each start. Without Docker both stay until the next boot; after it
    the rules have no effect, or the tool that restores them fails because the chain is missing.

    Remedy: Move them to a chain that does not depend on Docker, before the next boot:

        iptables -S DOCKER-USER     # on the node
        grep -rl DOCKER-USER /etc/iptables /etc/sysconfig /etc/firewalld /etc/ufw     # on the node: what restores them

    Sources: docs.docker.com, Packet filtering and firewalls (DOCKER-USER); moby libnetwork/firewall_linux.go.
    """
    stops = view.on_docker and not view.target.keeps_source
    if stops and view.facts.firewall and (rules := view.facts.firewall.admin_rules):
        yield Seen("chain DOCKER-USER", few(rules, joint="; "))


@node_rule("D2C521", "docker-firewall-stays", Severity.INFO)
def docker_firewall_stays(view: NodeView) -> Iterator[Seen]:
    """Docker's firewall rules stay after the migration.

    Why: a rollback needs them, so that they stay while Docker is stopped. They concern docker0 only. A FORWARD policy of DROP comes from
    Docker too: it stays until the next boot, and is ACCEPT from then on unless another firewall sets it.

    Remedy: Nothing for the migration. Set FORWARD DROP in a firewall of the node's own where you depend on it:

        iptables -S FORWARD; iptables-save | grep -c DOCKER     # on the node

    Sources: moby libnetwork drivers/bridge/setup_ip_forwarding.go; kubernetes issue 40182; kubeadm issue 689.
    """
    stops = view.on_docker and not view.target.keeps_source
    if stops and view.facts.firewall and view.facts.firewall.docker_rules:
        found = view.facts.firewall
        yield Seen("iptables", f"{found.docker_rules} rules in chains of Docker; policy of FORWARD: {found.forward_policy}")


@node_rule("D2C522", "cni-version-too-new", Severity.BLOCKER)
def cni_version_too_new(view: NodeView) -> Iterator[Seen]:
    """The CNI configuration has a version that this containerd does not support.

    Why: up to 1.7, containerd supports cniVersion up to 1.0.0. With a later one its network stays not ready and every sandbox fails.

    Remedy: Install containerd 2, or let the cluster's network agent write an earlier cniVersion:

        grep -r cniVersion /etc/cni/net.d     # on the node

    Sources: containernetworking/cni SPEC.md and libcni 1.1.2 (containerd 1.7), 1.2 (containerd 2.0).
    """
    cni = view.facts.cni
    if (
        isinstance(cni.config, Mapping)
        and view.target.runtime == "containerd"
        and view.containerd
        and not _at_least(view.containerd.version, 2, 0)
    ):
        declared = str(cni.config.get("cniVersion", ""))
        if _at_least(declared, 1, 1):
            file = cni.files[0] if cni.files else cni.config_dir
            yield Seen(f"cniVersion {declared}", f"{file} declares it, containerd is {view.containerd.version}")


@node_rule("D2C523", "cni-plugin-too-old", Severity.BLOCKER)
def cni_plugin_too_old(view: NodeView) -> Iterator[Seen]:
    """A CNI plugin does not support the version that the target calls it with.

    Why: the plugins of the configuration are called with the version that it declares, and containerd calls `loopback` for every sandbox
    with 0.3.1 (1.6.0 to 1.6.3 with 1.0.0), where dockershim uses 0.2.0. With a plugin that does not support its version no pod starts
    (`incompatible CNI versions`).

    Remedy: Install current plugins:

        env CNI_COMMAND=VERSION FOLDER/loopback     # on the node: the versions that it supports
        apt-get install kubernetes-cni     # on the node

    Sources: containerd go-cni v1.1.5 opts.go (WithLoNetwork) and its revert of 1.0.0; kubernetes.io, Troubleshooting CNI plugin-related
    errors; Kubernetes v1.20.2 pkg/kubelet/dockershim/network/cni/cni.go.
    """
    cni = view.facts.cni
    wanted = _called_with(view)
    for plugin, versions in cni.speaks.items():
        asked = wanted.get(plugin)
        if asked and asked not in versions:
            speaks = f"speaks {', '.join(versions) or 'nothing'}; it is called with {asked}"
            yield Seen(f"plugin {plugin}", f"in {', '.join(cni.bin_dirs)}: {speaks}")


@node_rule("D2C524", "network-shared-with-docker", Severity.INFO)
def network_shared_with_docker(view: NodeView) -> Iterator[Seen]:
    """Docker and the pods share the node's network stack and firewall (`--keep-docker`).

    Why: docker0 and the networks of Compose stay beside the bridge of the pods' network, with Docker's chains in iptables. Docker writes
    its chains again at each start, and the policy DROP of FORWARD where it turns IP forwarding on: pods pass FORWARD by rules of kube-proxy
    and of the network plugin, as they did. A published port of Docker (`docker run -p`) and a host port of a pod exclude each other.

    Remedy: Nothing for the migration. Keep Docker's address pools (default-address-pools, bip) apart from those of pods and Services:

        ip -4 address show docker0; iptables -S FORWARD; docker network ls     # on the node

    Sources: docs.docker.com, Packet filtering and firewalls; moby libnetwork drivers/bridge/setup_ip_forwarding.go; containernetworking
    plugins, portmap.
    """
    if view.on_docker and view.target.keeps_source:
        config = view.facts.cni.config
        tables = _networks(config) if isinstance(config, Mapping) else []
        bridges = [str(table.get("bridge") or "cni0") for table in tables if table.get("type") == "bridge"]
        pods = f"bridge {bridges[0]}" if bridges else ", ".join(_plugin_types(config)) if isinstance(config, Mapping) else "not known"
        found = view.facts.firewall
        rules = f"{found.docker_rules} rules in chains of Docker; policy of FORWARD: {found.forward_policy}" if found else "rules not read"
        more = f"; DOCKER-USER: {few(found.admin_rules, joint='; ')}" if found and found.admin_rules else ""
        yield Seen("iptables", f"{rules}{more}; network of pods: {pods}")


def _called_with(view: NodeView) -> dict[str, str]:
    """The cniVersion that each plugin is called with; a configuration without one is of 0.1.0 or of none, which every plugin takes."""
    config = view.facts.cni.config
    wanted = {}
    if isinstance(config, Mapping) and (declared := config.get("cniVersion")):
        wanted = dict.fromkeys(_plugin_types(config), str(declared))
    if view.target.runtime == "containerd" and view.containerd:
        wanted["loopback"] = "1.0.0" if re.match(r"1\.6\.[0-3](?![0-9])", view.containerd.version) else "0.3.1"
    return wanted


def _networks(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The plugin tables of a conflist, or the one of a conf; what is of another form is passed over."""
    plugins = config.get("plugins")
    return [table for table in (plugins if isinstance(plugins, list) else [config]) if isinstance(table, Mapping)]


def _plugin_types(config: Mapping[str, Any]) -> list[str]:
    return [str(table["type"]) for table in _networks(config) if table.get("type")] + _ipam_types(config)


def _ipam_types(config: Mapping[str, Any]) -> list[str]:
    ipams = (table.get("ipam") for table in _networks(config))
    return list(dict.fromkeys(str(ipam["type"]) for ipam in ipams if isinstance(ipam, Mapping) and ipam.get("type")))


def _at_least(text: str, major: int, minor: int) -> bool:
    found = version.known(text)
    return found is not None and found.release >= (major, minor)
