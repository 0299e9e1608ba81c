"""Other actors on node and cluster: D2C250 to D2C256."""

from __future__ import annotations

import re
from typing import Any

import pytest

from migrate.facts.cluster import Metadata, Owner
from migrate.facts.model import HostActors, HostUse, Package, Service
from migrate.facts.probes import ACTOR_UNITS
from migrate.rules import NodeView, actors, check
from migrate.rules.actors_table import ACTORS, Effect
from tests.rules import make
from tests.rules.case import Case

LOCK = "/opt/puppetlabs/puppet/cache/state/agent_disabled.lock"
PUPPET = Service("puppet.service", "active", "enabled")
TIMER = Service("apt-daily-upgrade.timer", "active", "enabled")
UPGRADE = "APT::Periodic::Unattended-Upgrade"
REBOOT = "Unattended-Upgrade::Automatic-Reboot"


def host(*services: Service, marks: tuple[str, ...] = (), packages: tuple[Package, ...] = (), **given: Any) -> NodeView:
    return make.view(of=make.facts(actors=HostActors(services=services, **given), marks=frozenset(marks), packages=packages))


def image(name: str, *, owner: tuple[str, str] = ("DaemonSet", "agent"), **given: Any) -> NodeView:
    return make.view(make.pod("a-1", "ops", owner, container={"image": name}), **given)


CA = "k8s.gcr.io/autoscaling/cluster-autoscaler:v1.23.0"
CA_DOES = "deletes a node that is empty for 10 minutes, as a drained one is, or that does not become ready for 20"
KURED_DOES = "drains and reboots a node on which /var/run/reboot-required exists"
HELD = Owner(metadata=Metadata(name="kured", annotations={"weave.works/kured-node-lock": '{"nodeID":"manual"}'}), kind="DaemonSet")

CASES = (
    Case(
        "D2C250",
        "Puppet runs and owns both services",
        host(PUPPET, managed=("file[/etc/docker/daemon.json]", "service[docker]", "service[kubelet.service]")),
        (("Puppet", "it manages service[docker], service[kubelet.service]; puppet.service is active, enabled"),),
    ),
    Case("D2C250", "disabled", host(PUPPET, managed=("service[docker]",), marks=(LOCK,))),
    Case("D2C250", "no agent any more", host(Service("puppet.service", "inactive", "disabled"), managed=("service[docker]",))),
    Case("D2C250", "owns a package only", host(PUPPET, managed=("package[docker-ce]",))),
    Case(
        "D2C251",
        "Puppet by cron, Salt as a service",
        host(
            Service("salt-minion.service", "inactive", "enabled"),
            calls=(
                HostUse("/etc/cron.d/puppet", 2, "puppet agent"),
                HostUse("/usr/lib/systemd/system/chef-client.service", 7, "chef-client"),
            ),
        ),
        (
            (
                "Puppet",
                "/etc/cron.d/puppet:2: puppet agent: applies its catalog every 30 minutes: restores files, starts services that must run, "
                "installs packages",
            ),
            (
                "Salt",
                "salt-minion.service is inactive, enabled: applies states when its master or its schedule says so: restores files, "
                "starts services that must run",
            ),
        ),
    ),
    Case("D2C251", "Puppet that enforces Docker is D2C250", host(PUPPET, managed=("service[docker]",))),
    Case("D2C251", "held, or not running", host(PUPPET, Service("salt-minion.service", "failed", "disabled"), marks=(LOCK,))),
    Case(
        "D2C252",
        "an autoscaler elsewhere in the cluster",
        image(CA, owner=("Deployment", "autoscaler")),
        (("cluster-autoscaler", f"Deployment ops/autoscaler: {CA_DOES}"),),
    ),
    Case(
        "D2C252",
        "Karpenter",
        make.view(the_node=make.node(labels={"karpenter.sh/nodepool": "spot"})),
        (("Karpenter", "Node label karpenter.sh/nodepool=spot: replaces nodes that are empty, drifted or too old"),),
    ),
    Case(
        "D2C252",
        "held by annotation",
        image(CA, the_node=make.node(annotations={"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"})),
    ),
    Case(
        "D2C253",
        "kured, and a reboot is due",
        make.view(
            make.pod("kured-1", "kube-system", ("DaemonSet", "kured"), container={"image": "ghcr.io/kubereboot/kured:1.9.2"}),
            of=make.facts(marks=frozenset({"/run/reboot-required"})),
        ),
        (("kured", f"DaemonSet kube-system/kured; /run/reboot-required exists, so it would do that now: {KURED_DOES}"),),
    ),
    Case(
        "D2C253",
        "unattended-upgrades that reboot, and Flatcar",
        host(TIMER, Service("locksmithd.service", "active", "disabled"), settings={UPGRADE: "1", REBOOT: "true"}),
        (
            ("the system's own updater", "locksmithd.service is active, disabled: installs a new system image and reboots into it"),
            ("unattended-upgrades", f"{REBOOT} is set: reboots the node after an update that requires it"),
        ),
    ),
    Case("D2C253", "kured with its lock taken", image("kured:1", owners=(HELD,))),
    Case("D2C253", "updates without reboots", host(TIMER, settings={UPGRADE: "1", REBOOT: "false"})),
    Case(
        "D2C254",
        "unattended-upgrades and needrestart",
        host(TIMER, settings={UPGRADE: "1", "needrestart restart": "a"}, packages=(Package("needrestart", "3.6-4", False),)),
        (
            ("unattended-upgrades", f"{UPGRADE} is 1, {TIMER.name} is active or enabled: installs updates by a timer"),
            (
                "needrestart",
                "needrestart 3.6-4, restart mode a: restarts services that use an updated library, the runtime and the kubelet too",
            ),
        ),
    ),
    Case(
        "D2C254",
        "yum-cron",
        host(Service("yum-cron.service", "active", "enabled")),
        (
            (
                "dnf-automatic",
                "yum-cron.service is active, enabled: installs updates by a timer, those of Docker, the runtime and the kubelet too, "
                "and restarts them",
            ),
        ),
    ),
    Case("D2C254", "the timer of a Debian without unattended-upgrades", host(TIMER)),
    Case("D2C254", "switched off", host(Service(TIMER.name, "inactive", "masked"), settings={UPGRADE: "1"})),
    Case("D2C254", "needrestart that asks", host(packages=(Package("needrestart", "3.6-4", False),))),
    Case(
        "D2C255",
        "a cron job and a health checker",
        make.view(
            make.pod(
                "npd-1",
                "kube-system",
                ("DaemonSet", "npd"),
                container={"image": "k8s.gcr.io/node-problem-detector/node-problem-detector:1"},
            ),
            of=make.facts(actors=HostActors(calls=(HostUse("/etc/cron.d/docker", 1, "systemctl restart docker"),))),
        ),
        (
            (
                "node-problem-detector",
                "DaemonSet kube-system/npd: reports a missing Docker as a problem of the node; its health checker for Docker restarts "
                "docker.service",
            ),
            ("a watchdog", "/etc/cron.d/docker:1: systemctl restart docker: starts Docker or the kubelet again when it finds them stopped"),
        ),
    ),
    Case(
        "D2C255",
        "calls that only look, or stop",
        host(
            calls=(
                HostUse("/etc/cron.d/a", 1, "systemctl is-active docker"),
                HostUse("/etc/cron.d/b", 1, "service docker"),
                HostUse("/etc/cron.d/c", 1, "systemctl stop kubelet"),
            )
        ),
    ),
    Case(
        "D2C256",
        "the toolkit",
        image("nvcr.io/nvidia/k8s/container-toolkit:v1.11.0-ubuntu20.04"),
        (
            (
                "NVIDIA GPU operator",
                "DaemonSet ops/agent: its toolkit writes the configuration of Docker or of the target and restarts that runtime",
            ),
        ),
    ),
    Case("D2C256", "the device plugin alone", image("nvcr.io/nvidia/k8s-device-plugin:v0.12.2")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_a_machine_is_named_in_the_command() -> None:
    annotations = {"cluster.x-k8s.io/machine": "md-0-x7", "cluster.x-k8s.io/cluster-namespace": "prod"}
    (found,) = check(make.view(the_node=make.node(annotations=annotations)), [actors.node_may_be_removed])
    assert found.evidence.startswith("Node annotation cluster.x-k8s.io/machine=md-0-x7: a MachineHealthCheck deletes the Machine")
    assert found.remedy == (
        "Hold Cluster API while the node migrates:\n\n"
        "    kubectl -n prod annotate machine md-0-x7 cluster.x-k8s.io/skip-remediation=     # in the management cluster\n"
        "    kubectl -n prod annotate machine md-0-x7 cluster.x-k8s.io/skip-remediation-     # afterwards"
    )


def test_a_hostile_annotation_is_quoted() -> None:
    annotations = {"cluster.x-k8s.io/machine": "x; rm -rf /"}
    (found,) = check(make.view(the_node=make.node(annotations=annotations)), [actors.node_may_be_removed])
    assert "annotate machine 'x; rm -rf /' cluster" in found.remedy


def test_the_namespace_of_the_pod_is_in_the_command() -> None:
    (found,) = check(image("kured:1"), [actors.node_may_reboot])
    assert '    kubectl -n ops annotate daemonset kured weave.works/kured-node-lock=\'{"nodeID":"manual"}\'' in found.remedy


def test_needrestart_of_ubuntu_restarts_by_default() -> None:
    package = (Package("needrestart", "3.5-5ubuntu2", False),)
    of = make.facts(packages=package)
    object.__setattr__(of.os, "id", "ubuntu")
    (found,) = check(make.view(of=of), [actors.packages_may_change])
    assert found.evidence.startswith("needrestart 3.5-5ubuntu2, restart mode the default: restarts services")


def test_many_signs_are_counted() -> None:
    calls = tuple(HostUse("/etc/cron.d/p", line, "puppet agent") for line in range(9))
    (found,) = check(host(calls=calls), [actors.node_reverted])
    assert "; 4 more: applies its catalog" in found.evidence


@pytest.mark.parametrize("actor", ACTORS, ids=lambda one: one.name)
def test_each_actor_can_be_seen_and_held(actor: Any) -> None:
    assert actor.units or actor.calls or actor.images or actor.labels or actor.annotations
    assert set(actor.units) <= set(ACTOR_UNITS.split())
    assert all(line.startswith("    ") for line in actor.hold.splitlines())
    assert not re.search(r"[.]$", actor.does)


def test_every_unit_that_is_read_belongs_to_an_actor() -> None:
    known = {unit for actor in ACTORS for unit in actor.units} | {"apt-daily-upgrade.timer", "unattended-upgrades.service"}
    assert set(ACTOR_UNITS.split()) == known


def test_every_effect_has_an_actor() -> None:
    assert {actor.effect for actor in ACTORS} == set(Effect)
