"""D2C250 to D2C256: who else acts on the node while it migrates (migrate/rules/actors_table.py)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

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
    """Puppet keeps Docker or the kubelet running on this node.

    Why: its next run, at most half an hour away, enables and starts Docker beside the new runtime, or the kubelet in the middle of the
    switch.

    Remedy: Hold Puppet while the node migrates, and change its catalog before it runs again:

        puppet agent --disable "docker2cri"     # on the node; afterwards: puppet agent --enable

    Sources: puppet.com, configuration (resourcefile, agent_disabled_lockfile); puppet lib/puppet/provider/service/systemd.rb.
    """
    managed = [one for one in view.facts.actors.managed if one in ENFORCED]
    signs = _signs(view, PUPPET)
    if managed and signs:
        yield Seen("Puppet", f"it manages {', '.join(managed)}; {'; '.join(signs)}")


@node_rule("D2C251", "node-reverted", Severity.WARNING)
def node_reverted(view: NodeView) -> Iterator[Seen]:
    """Configuration management runs on this node.

    Why: what the migration changes is a difference to it, which its next run takes back: files of the kubelet and of containerd,
    packages, Docker's service. In the middle of the switch that leaves a node that is neither.

    Remedy: Hold it while the node migrates, and carry the change over into its source before it runs again.

    Sources: docs of each tool, named in docker2cri's table of actors.
    """
    yield from _acting(view, Effect.REVERTS)


@node_rule("D2C252", "node-may-be-removed", Severity.WARNING)
def node_may_be_removed(view: NodeView) -> Iterator[Seen]:
    """Something takes nodes away that are empty or not ready.

    Why: a node that migrates is drained, so it is empty, and is NotReady for some minutes: what a node looks like that nobody needs.

    Remedy: Tell it to leave this node alone meanwhile.

    Sources: kubernetes/autoscaler cluster-autoscaler FAQ; karpenter.sh, Disruption; cluster-api book, Healthchecking.
    """
    yield from _acting(view, Effect.REMOVES)


@node_rule("D2C253", "node-may-reboot", Severity.WARNING)
def node_may_reboot(view: NodeView) -> Iterator[Seen]:
    """Something reboots this node by itself.

    Why: a boot in the middle of the switch starts whatever is enabled by then; the journal on the node finds the way back, but the
    time away is longer, and two actors drain and uncordon the same node.

    Remedy: Hold it while the node migrates.

    Sources: kured.dev, Operation; wiki.debian.org, UnattendedUpgrades; medik8s.io, Node Healthcheck Operator.
    """
    yield from _acting(view, Effect.REBOOTS)
    if _unattended(view) and view.facts.actors.settings.get(REBOOTS, "").lower() in ("1", "true", "yes", "on", "with", "enable"):
        yield _held(
            "unattended-upgrades", f"{REBOOTS} is set{_wanted(view)}", "reboots the node after an update that asks for it", HOLD_APT
        )


@node_rule("D2C254", "packages-may-change", Severity.WARNING)
def packages_may_change(view: NodeView) -> Iterator[Seen]:
    """Packages of this node are updated, or its services restarted, by the clock.

    Why: an update of Docker, containerd or the kubelet restarts it in the middle of the switch, or brings another version than the
    plan was made for. needrestart does so after any installation of a package, the one of the new runtime included.

    Remedy: Hold it while the node migrates.

    Sources: wiki.debian.org, UnattendedUpgrades; needrestart README (nrconf restart); dnf-automatic(8).
    """
    yield from _acting(view, Effect.UPDATES)
    if _unattended(view):
        said = f"{UPDATES} is {view.facts.actors.settings[UPDATES]}, {UPDATE_TIMER} is active or enabled"
        yield _held("unattended-upgrades", said, "installs updates by the clock", HOLD_APT)
    package = view.facts.package("needrestart")
    mode = view.facts.actors.settings.get("needrestart restart", "")
    # Ubuntu's package restarts without asking where nobody can be asked, Debian's only lists
    if package and (mode == "a" or (mode != "l" and view.facts.os.id == "ubuntu")):
        said = f"needrestart {package.version}, restart mode {mode or 'the default'}"
        does = "restarts services that use a library that was updated, containerd and the kubelet too"
        yield _held("needrestart", said, does, HOLD_NEEDRESTART)


@node_rule("D2C255", "docker-revived", Severity.WARNING)
def docker_revived(view: NodeView) -> Iterator[Seen]:
    """Something watches Docker or the kubelet, and starts it again.

    Why: both are stopped on purpose during the switch. A kubelet that is started between two steps reads half of its files.

    Remedy: Hold it while the node migrates, and let it watch the new runtime afterwards.

    Sources: node-problem-detector docs, health checker (enable-repair); monit manual; Kubernetes cluster/gce health-monitor.sh.
    """
    yield from _acting(view, Effect.REVIVES)


@node_rule("D2C256", "runtime-config-owned", Severity.WARNING)
def runtime_config_owned(view: NodeView) -> Iterator[Seen]:
    """An operator of the cluster writes the runtime's configuration on this node.

    Why: it edits Docker's configuration as long as it takes the node for one on Docker, and containerd's afterwards, beside what the
    plan wrote; both times it restarts the runtime. Without its runtime entry the node has no GPUs.

    Remedy: Hold it on this node, tell it the new runtime, and compare the node's GPUs before and after.

    Sources: docs.nvidia.com, GPU Operator (operator.defaultRuntime, gpu.deploy.operands); k8s-device-plugin issues 107, 406.
    """
    yield from _acting(view, Effect.RUNTIME)


def _acting(view: NodeView, effect: Effect) -> Iterator[Seen]:
    enforcing = [PUPPET] if any(docker_enforced.see(view)) else []
    for actor in ACTORS:
        if actor.effect is effect and actor not in enforcing and (signs := _signs(view, actor)):
            more = _wanted(view) if effect is Effect.REBOOTS else ""
            yield _held(actor.name, f"{'; '.join(signs)}{more}", actor.does, _filled(view, actor))


def _held(name: str, signs: str, does: str, hold: str) -> Seen:
    return Seen(name, f"{signs}: {does}", f"Hold {name} while the node migrates:\n\n{hold}")


def _signs(view: NodeView, actor: Actor) -> tuple[str, ...]:
    """Where the actor was seen; nothing where it is held already."""
    if _is_held(view, actor):
        return ()
    acting = [one for one in view.facts.actors.services if one.acts and one.name in actor.units]
    calls = [one for one in view.facts.actors.calls if actor.calls and actor.calls.search(one.words)]
    found = [f"{one.name} is {one.active}, {one.enabled or 'not enabled'}" for one in acting]
    # a unit's own file says nothing that its state does not
    found += [f"{one.path}:{one.line}: {one.words}" for one in calls if one.path.rpartition("/")[2] not in actor.units]
    owners = {_title(view, pod): None for pod in _pods(view, actor)}
    metadata = view.node.metadata if view.node else None
    labels, annotations = (metadata.labels or {}, metadata.annotations or {}) if metadata else ({}, {})
    found += [*owners, *(f"Node label {key}={labels[key]}" for key in actor.labels if key in labels)]
    found += [f"Node annotation {key}={annotations[key]}" for key in actor.annotations if key in annotations]
    return (*found[:SHOWN], *((f"{len(found) - SHOWN} more",) if len(found) > SHOWN else ()))


def _pods(view: NodeView, actor: Actor) -> Iterator[Pod]:
    pods = view.cluster.pods if actor.everywhere and view.cluster else view.pods
    for pod in pods if actor.images else ():
        if not pod.finished and any(actor.images and actor.images.fullmatch(_path(one.image)) for one in pod.spec.containers):
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
    return any('"manual"' in (one.metadata.annotation(actor.held_lock) or "") for one in owners if one.kind == "DaemonSet")


def _filled(view: NodeView, actor: Actor) -> str:
    """The actor's commands with the names that are known here."""
    text = actor.hold
    namespace = next((pod.metadata.namespace for pod in _pods(view, actor)), "")
    if view.node and actor.annotations and (machine := view.node.metadata.annotation(actor.annotations[0])):
        text = text.replace("MACHINE", shlex.quote(machine))
        namespace = view.node.metadata.annotation("cluster.x-k8s.io/cluster-namespace") or ""
    return text.replace("NAMESPACE", shlex.quote(namespace)) if namespace else text


def _unattended(view: NodeView) -> bool:
    timer = view.facts.actors.service(UPDATE_TIMER)
    return bool(timer and timer.acts) and view.facts.actors.settings.get(UPDATES, "0") not in ("", "0")


def _wanted(view: NodeView) -> str:
    return f"; {REBOOT_WANTED} exists, so it would do so now" if REBOOT_WANTED in view.facts.marks else ""
