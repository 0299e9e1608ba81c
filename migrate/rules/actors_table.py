"""What else acts on a node or in its cluster: how each is recognized, what it does while the node migrates, and how to hold it.

Sources: docs of each: kubernetes/autoscaler cluster-autoscaler FAQ; karpenter.sh, Disruption; cluster-api, Healthchecking; kured.dev,
Operation; medik8s.io; puppet.com, puppet agent --disable; docs.chef.io, chef-client; docs.saltproject.io; wiki.debian.org
UnattendedUpgrades; needrestart's configuration; node-problem-detector health checker; NVIDIA GPU Operator (operator.defaultRuntime).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from migrate.facts.probes import PUPPET_STATE


class Effect(StrEnum):
    """What an actor does to a node that migrates, or is away for minutes."""

    REVERTS = "restores its own state: files, packages, services"
    REMOVES = "takes the node out of the cluster, or replaces it"
    REBOOTS = "reboots the node"
    UPDATES = "changes packages and restarts services"
    REVIVES = "restarts Docker or the kubelet"
    RUNTIME = "writes the runtime's configuration and restarts it"


@dataclass(frozen=True, slots=True)
class Actor:
    """One tool.

    Signs, of which one is enough: `units` that act (`Service.acts`), `calls` in scripts and cron tables, `images` of pods (`everywhere`:
    in the whole cluster, else on this node only), keys of the Node's `labels` and `annotations`. `hold` are commands, indented by four,
    with the placeholders of a remedy; NAMESPACE is that of its pod or Machine, MACHINE the value of the annotation. It is already held by
    one of `held_paths`, by one of the Node's `held_annotations`, or by `"manual"` in the annotation `held_lock` of its DaemonSet.
    """

    name: str
    effect: Effect
    does: str
    hold: str
    units: tuple[str, ...] = ()
    calls: re.Pattern[str] | None = None
    images: re.Pattern[str] | None = None
    everywhere: bool = False
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    held_paths: tuple[str, ...] = ()
    held_annotations: tuple[str, ...] = ()
    held_lock: str = ""


def _image(*names: str) -> re.Pattern[str]:
    """An image's path (without registry, tag and digest) that ends in one of these names."""
    return re.compile(rf"(?:.*/)?(?:{'|'.join(names)})")


PUPPET = Actor(
    name="Puppet",
    effect=Effect.REVERTS,
    does="applies its catalog every 30 minutes: restores files, starts services that must run, installs packages",
    hold='    puppet agent --disable "docker2cri"     # on the node; afterwards: puppet agent --enable',
    units=("puppet.service", "pe-puppet.service", "puppet-run.timer"),
    calls=re.compile(r"puppet\s+(agent|apply)"),
    held_paths=tuple(f"{state}/agent_disabled.lock" for state in PUPPET_STATE.split()),
)
ACTORS: tuple[Actor, ...] = (
    PUPPET,
    Actor(
        name="Chef",
        effect=Effect.REVERTS,
        does="converges its run list every 30 minutes: restores files, starts services that must run, installs packages",
        hold="    systemctl stop chef-client.timer chef-client.service     # on the node; afterwards: systemctl start chef-client.timer",
        units=("chef-client.service", "chef-client.timer", "cinc-client.service", "cinc-client.timer"),
        calls=re.compile(r"chef-(client|solo)|cinc-client"),
    ),
    Actor(
        name="Salt",
        effect=Effect.REVERTS,
        does="applies states when its master or its schedule says so: restores files, starts services that must run",
        hold="    systemctl stop salt-minion.service     # on the node; afterwards: systemctl start salt-minion.service",
        units=("salt-minion.service", "venv-salt-minion.service"),
        calls=re.compile(r"salt-call"),
    ),
    Actor(
        name="ansible-pull",
        effect=Effect.REVERTS,
        does="runs its playbook by a timer: restores files, starts services that must run",
        hold="    systemctl stop ansible-pull.timer     # on the node; or take the line out of the cron table that the evidence names",
        units=("ansible-pull.service", "ansible-pull.timer"),
        calls=re.compile(r"ansible-pull"),
    ),
    Actor(
        name="CFEngine",
        effect=Effect.REVERTS,
        does="applies its policy every 5 minutes: restores files, starts services that must run",
        hold="    systemctl stop cfengine3.service     # on the node; afterwards: systemctl start cfengine3.service",
        units=("cfengine3.service", "cf-execd.service"),
        calls=re.compile(r"cf-agent"),
    ),
    Actor(
        name="cluster-autoscaler",
        effect=Effect.REMOVES,
        does="deletes a node that is empty for 10 minutes, as a drained one is, or that does not become ready for 20",
        hold=(
            "    kubectl annotate node NODE cluster-autoscaler.kubernetes.io/scale-down-disabled=true\n"
            "    kubectl annotate node NODE cluster-autoscaler.kubernetes.io/scale-down-disabled-     # afterwards"
        ),
        images=_image("cluster-autoscaler", "cluster-autoscaler-[a-z0-9]+"),
        everywhere=True,
        held_annotations=("cluster-autoscaler.kubernetes.io/scale-down-disabled",),
    ),
    Actor(
        name="Karpenter",
        effect=Effect.REMOVES,
        does="replaces nodes that are empty, drifted or too old",
        hold=(
            "    kubectl annotate node NODE karpenter.sh/do-not-disrupt=true\n"
            "    kubectl annotate node NODE karpenter.sh/do-not-disrupt-     # afterwards"
        ),
        labels=("karpenter.sh/nodepool", "karpenter.sh/provisioner-name"),
        held_annotations=("karpenter.sh/do-not-disrupt", "karpenter.sh/do-not-consolidate"),
    ),
    Actor(
        name="Cluster API",
        effect=Effect.REMOVES,
        does="a MachineHealthCheck deletes the Machine of a node that is not Ready for its timeout (often 5 minutes) and makes another",
        hold=(
            "    kubectl -n NAMESPACE annotate machine MACHINE cluster.x-k8s.io/skip-remediation=     # in the management cluster\n"
            "    kubectl -n NAMESPACE annotate machine MACHINE cluster.x-k8s.io/skip-remediation-     # afterwards"
        ),
        annotations=("cluster.x-k8s.io/machine",),
    ),
    Actor(
        name="kured",
        effect=Effect.REBOOTS,
        does="drains and reboots a node on which /var/run/reboot-required exists",
        hold=(
            '    kubectl -n NAMESPACE annotate daemonset kured weave.works/kured-node-lock=\'{"nodeID":"manual"}\'\n'
            "    kubectl -n NAMESPACE annotate daemonset kured weave.works/kured-node-lock-     # afterwards"
        ),
        images=_image("kured"),
        held_lock="weave.works/kured-node-lock",
    ),
    Actor(
        name="self node remediation",
        effect=Effect.REBOOTS,
        does="reboots a node that is not Ready for its timeout",
        hold='    kubectl patch nodehealthcheck NAME --type merge -p \'{"spec":{"pauseRequests":["docker2cri"]}}\'',
        images=_image("self-node-remediation(-operator)?", "poison-pill(-operator)?", "node-healthcheck-(operator|rhel8-operator)"),
    ),
    Actor(
        name="the system's own updater",
        effect=Effect.REBOOTS,
        does="installs a new system image and reboots into it",
        hold=(
            "    systemctl stop update-engine.service locksmithd.service zincati.service     # on the node, those it has\n"
            "    systemctl stop rebootmgr.service transactional-update.timer"
        ),
        units=("locksmithd.service", "update-engine.service", "zincati.service", "rebootmgr.service", "transactional-update.timer"),
        images=_image("flatcar-linux-update-operator", "container-linux-update-operator"),
    ),
    Actor(
        name="dnf-automatic",
        effect=Effect.UPDATES,
        does="installs updates by a timer, those of Docker, the runtime and the kubelet too, and restarts them",
        hold="    systemctl stop dnf-automatic.timer dnf-automatic-install.timer yum-cron.service     # on the node, those it has",
        units=("dnf-automatic.timer", "dnf-automatic-install.timer", "yum-cron.service"),
    ),
    Actor(
        name="node-problem-detector",
        effect=Effect.REVIVES,
        does="reports a missing Docker as a problem of the node; its health checker for Docker restarts docker.service",
        hold=(
            "    kubectl -n NAMESPACE patch daemonset node-problem-detector -p "
            '\'{"spec":{"template":{"spec":{"nodeSelector":{"docker2cri":"off"}}}}}\'     # it stops on every node\n'
            "    kubectl -n NAMESPACE rollout undo daemonset node-problem-detector     # afterwards"
        ),
        units=("node-problem-detector.service",),
        images=_image("node-problem-detector"),
    ),
    Actor(
        name="a watchdog",
        effect=Effect.REVIVES,
        does="starts Docker or the kubelet again when it finds them stopped",
        hold=(
            "    systemctl stop docker-monitor.service docker-monitor.timer kube-docker-monitor.service     # on the node, those it has\n"
            "    systemctl list-timers; crontab -l     # where the evidence names a script: what runs it, to be disabled meanwhile"
        ),
        units=("docker-monitor.service", "docker-monitor.timer", "kube-docker-monitor.service", "kube-container-runtime-monitor.service"),
        calls=re.compile(
            r"systemctl\s(.*\s)?[a-z-]*start\s+(docker|kubelet|containerd)\b|service\s+(docker|kubelet|containerd)\s+(re)?start"
        ),
    ),
    Actor(
        name="monit",
        effect=Effect.REVIVES,
        does="starts again what its checks find stopped",
        hold="    grep -rl -e docker -e kubelet /etc/monit*     # on the node; then: monit unmonitor NAME",
        units=("monit.service",),
    ),
    Actor(
        name="NVIDIA GPU operator",
        effect=Effect.RUNTIME,
        does="its toolkit writes the configuration of Docker or of the target and restarts that runtime",
        hold=(
            "    kubectl label node NODE nvidia.com/gpu.deploy.operands=false --overwrite     # while the node migrates\n"
            '    kubectl patch clusterpolicy cluster-policy --type merge -p \'{"spec":{"operator":{"defaultRuntime":"PROGRAM"}}}\'\n'
            "    kubectl label node NODE nvidia.com/gpu.deploy.operands-     # afterwards"
        ),
        images=_image("k8s/container-toolkit", "nvidia/container-toolkit"),
    ),
)
