"""D2C250 to D2C256: what else acts on the node while it migrates (migrate/rules/actors_table.py)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from migrate.facts.pod import Pod
from migrate.formats import FormatError, image_ref
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.actors_table import ACTORS, PUPPET, Actor, Effect

ENFORCED = frozenset(f"service[{name}{suffix}]" for name in ("docker", "kubelet") for suffix in ("", ".service")) | {
    "service[docker.socket]"
}
UPDATES = "APT::Periodic::Unattended-Upgrade"
REBOOTS = "Unattended-Upgrade::Automatic-Reboot"
UPDATE_TIMER = "apt-daily-upgrade.timer"
REBOOT_WANTED = "/run/reboot-required"
SHOWN = 5
HOLD_APT = "    systemctl stop apt-daily-upgrade.timer     # on the node; afterwards: systemctl start apt-daily-upgrade.timer"
HOLD_NEEDRESTART = (
    "    echo '$nrconf{restart} = \"l\";' > /etc/needrestart/conf.d/zz-docker2cri.conf     # on the node: list only\n"
    "    rm /etc/needrestart/conf.d/zz-docker2cri.conf     # afterwards"
)


@node_rule("D2C250", "docker-enforced", Severity.BLOCKER, forbids_install=True)
def docker_enforced(view: NodeView) -> Iterator[Seen]:
    """Puppet keeps Docker or the kubelet running on the node.

    Why: its next run, at most half an hour away, enables and starts Docker beside the target, or the kubelet during the switch.

    Remedy: Disable Puppet while the node migrates, and change its catalog before it runs again:

        puppet agent --disable "docker2cri"     # on the node; afterwards: puppet agent --enable

    Sources: puppet.com, configuration (resourcefile, agent_disabled_lockfile); puppet lib/puppet/provider/service/systemd.rb.
    """
    enforced = {name for name in ENFORCED if "kubelet" in name} if view.target.keeps_source else ENFORCED
    managed = [resource for resource in view.facts.actors.managed if resource in enforced]
    signs = _signs(view, PUPPET)
    if managed and signs:
        yield Seen("Puppet", f"it manages {', '.join(managed)}; {'; '.join(signs)}")


@node_rule("D2C251", "node-reverted", Severity.WARNING)
def node_reverted(view: NodeView) -> Iterator[Seen]:
    """Configuration management runs on the node.

    Why: its next run reverts what the migration changes: files of the kubelet and of the target, packages, Docker's service. During the
    switch the node then runs on neither runtime.

    Remedy: Hold it while the node migrates, and make the same change in its source before it runs again.

    Sources: documentation of each tool.
    """
    yield from _acting(view, Effect.REVERTS)


@node_rule("D2C252", "node-may-be-removed", Severity.WARNING)
def node_may_be_removed(view: NodeView) -> Iterator[Seen]:
    """A controller removes nodes that are empty or not Ready.

    Why: a node that migrates is drained, and NotReady for some minutes, as an unused or a broken node is.

    Remedy: Exclude the node while it migrates.

    Sources: kubernetes/autoscaler cluster-autoscaler FAQ; karpenter.sh, Disruption; cluster-api book, Healthchecking.
    """
    yield from _acting(view, Effect.REMOVES)


@node_rule("D2C253", "node-may-reboot", Severity.WARNING)
def node_may_reboot(view: NodeView) -> Iterator[Seen]:
    """A service or controller reboots the node.

    Why: a boot during the switch starts what is enabled at that moment. The node program continues with the rollback after it, but the node
    is away for longer, and two actors drain and uncordon it.

    Remedy: Hold it while the node migrates.

    Sources: kured.dev, Operation; wiki.debian.org, UnattendedUpgrades; medik8s.io, Node Healthcheck Operator.
    """
    yield from _acting(view, Effect.REBOOTS)
    if _unattended(view) and view.facts.actors.settings.get(REBOOTS, "").lower() in ("1", "true", "yes", "on", "with", "enable"):
        yield _held(
            "unattended-upgrades", f"{REBOOTS} is set{_wanted(view)}", "reboots the node after an update that requires it", HOLD_APT
        )


@node_rule("D2C254", "packages-may-change", Severity.WARNING)
def packages_may_change(view: NodeView) -> Iterator[Seen]:
    """A timer updates packages of the node or restarts its services.

    Why: an update of Docker, the target or the kubelet restarts it during the switch, or installs another version than the plan was made
    for. needrestart restarts services after each installation of a package, that of the target included.

    Remedy: Hold it while the node migrates.

    Sources: wiki.debian.org, UnattendedUpgrades; needrestart README (nrconf restart); dnf-automatic(8).
    """
    yield from _acting(view, Effect.UPDATES)
    if _unattended(view):
        said = f"{UPDATES} is {view.facts.actors.settings[UPDATES]}, {UPDATE_TIMER} is active or enabled"
        yield _held("unattended-upgrades", said, "installs updates by a timer", HOLD_APT)
    package = view.facts.package("needrestart")
    mode = view.facts.actors.settings.get("needrestart restart", "")
    # Ubuntu's package restarts without asking where nobody can be asked, Debian's only lists
    if package and (mode == "a" or (mode != "l" and view.facts.os.id == "ubuntu")):
        said = f"needrestart {package.version}, restart mode {mode or 'the default'}"
        does = "restarts services that use an updated library, the runtime and the kubelet too"
        yield _held("needrestart", said, does, HOLD_NEEDRESTART)


@node_rule("D2C255", "docker-revived", Severity.WARNING)
def docker_revived(view: NodeView) -> Iterator[Seen]:
    """A watchdog starts Docker or the kubelet again.

    Why: both are stopped on purpose during the switch. A kubelet that starts between two steps reads files that are changed in part.

    Remedy: Hold it while the node migrates, and configure it for the target afterwards.

    Sources: node-problem-detector docs, health checker (enable-repair); monit manual; Kubernetes cluster/gce health-monitor.sh.
    """
    yield from _acting(view, Effect.REVIVES)


@node_rule("D2C256", "runtime-config-owned", Severity.WARNING)
def runtime_config_owned(view: NodeView) -> Iterator[Seen]:
    """An operator of the cluster writes the runtime's configuration on the node.

    Why: it edits Docker's configuration while it takes the node for one on Docker, and the target's afterwards, beside what the plan wrote;
    each time it restarts the runtime. Without its runtime entry the node has no GPUs.

    Remedy: Hold it on this node, configure it for the target, and compare the node's GPUs before and after.

    Sources: docs.nvidia.com, GPU Operator (operator.defaultRuntime, gpu.deploy.operands); k8s-device-plugin issues 107, 406.
    """
    yield from _acting(view, Effect.RUNTIME)


def _acting(view: NodeView, effect: Effect) -> Iterator[Seen]:
    enforcing = [PUPPET] if any(docker_enforced.see(view)) else []
    for actor in ACTORS:
        if actor.effect is effect and actor not in enforcing and (signs := _signs(view, actor)):
            more = _wanted(view) if effect is Effect.REBOOTS else ""
            yield _held(actor.name, f"{'; '.join(signs)}{more}", actor.does, actor.hold, _values(view, actor))


def _held(name: str, signs: str, does: str, hold: str, values: Mapping[str, str] | None = None) -> Seen:
    return Seen(name, f"{signs}: {does}", f"Hold {name} while the node migrates:\n\n{hold}", values or {})


def _signs(view: NodeView, actor: Actor) -> tuple[str, ...]:
    """Where the actor was seen; nothing where it is held already."""
    if _is_held(view, actor):
        return ()
    acting = [service for service in view.facts.actors.services if service.acts and service.name in actor.units]
    calls = [call for call in view.facts.actors.calls if actor.calls and actor.calls.search(call.words)]
    found = [f"{service.name} is {service.active}, {service.enabled or 'not enabled'}" for service in acting]
    # a unit's own file says nothing that its state does not
    found += [f"{call.path}:{call.line}: {call.words}" for call in calls if call.path.rpartition("/")[2] not in actor.units]
    owners = {_title(view, pod): None for pod in _pods(view, actor)}
    metadata = view.node.metadata if view.node else None
    labels, annotations = (metadata.labels or {}, metadata.annotations or {}) if metadata else ({}, {})
    found += [*owners, *(f"Node label {key}={labels[key]}" for key in actor.labels if key in labels)]
    found += [f"Node annotation {key}={annotations[key]}" for key in actor.annotations if key in annotations]
    return (*found[:SHOWN], *((f"{len(found) - SHOWN} more",) if len(found) > SHOWN else ()))


def _pods(view: NodeView, actor: Actor) -> Iterator[Pod]:
    pods = view.cluster.pods if actor.everywhere and view.cluster else view.pods
    for pod in pods if actor.images else ():
        if not pod.finished and any(actor.images and actor.images.fullmatch(_path(container.image)) for container in pod.spec.containers):
            yield pod


def _title(view: NodeView, pod: Pod) -> str:
    return view.cluster.owner_of(pod.metadata) if view.cluster and not pod.mirror else f"Pod {pod.key}"


def _path(image: str) -> str:
    try:
        return image_ref.parse(image).path
    except FormatError:
        return ""


def _is_held(view: NodeView, actor: Actor) -> bool:
    if any(path in view.facts.marks for path in actor.held_paths):
        return True
    if view.node and any(view.node.metadata.annotation(key) not in (None, "false") for key in actor.held_annotations):
        return True
    owners = view.cluster.owners if view.cluster and actor.held_lock else ()
    return any('"manual"' in (owner.metadata.annotation(actor.held_lock) or "") for owner in owners if owner.kind == "DaemonSet")


def _values(view: NodeView, actor: Actor) -> dict[str, str]:
    """The names in the actor's commands that are known here."""
    found = {"NAMESPACE": next((pod.metadata.namespace for pod in _pods(view, actor)), "")}
    if view.node and actor.annotations and (machine := view.node.metadata.annotation(actor.annotations[0])):
        found = {"MACHINE": machine, "NAMESPACE": view.node.metadata.annotation("cluster.x-k8s.io/cluster-namespace") or ""}
    return {name: shlex.quote(value) for name, value in found.items() if value}


def _unattended(view: NodeView) -> bool:
    timer = view.facts.actors.service(UPDATE_TIMER)
    return bool(timer and timer.acts) and view.facts.actors.settings.get(UPDATES, "0") not in ("", "0")


def _wanted(view: NodeView) -> str:
    return f"; {REBOOT_WANTED} exists, so it would do that now" if REBOOT_WANTED in view.facts.marks else ""
