"""One inspected machine as the report tells it: what it is, where it stands, which runtime it leaves and which it gets."""

from __future__ import annotations

from migrate.facts.model import Containerd, Docker, Kubelet
from migrate.facts.pools import pool_of, zone_of
from migrate.facts.runtime_table import CONTAINERD
from migrate.facts.runtimes import Runtime
from migrate.facts.values import Unreadable
from migrate.installers.table import identify
from migrate.report.model import DockerSetting, ReportedMachine, ReportedNode, ReportedRuntime, State
from migrate.report.plain import message
from migrate.rules import NodeView, Severity
from migrate.rules.daemon_keys import verdicts
from migrate.rules.judge import Inspected
from migrate.sources.table import origin_of
from migrate.targets import Target

MOST_NAMED = 20  # of what one runtime runs
ROLE = "node-role.kubernetes.io/"


def node_of(inspected: Inspected, target: Target, stack: str) -> ReportedNode:
    """The machine for the report; `stack` is the name of its stack, empty when it was not read."""
    view = inspected.view
    labels = (view.node.metadata.labels if view and view.node else None) or {}
    return ReportedNode(
        host=inspected.host,
        node=view.node.name if view and view.node else "",
        state=state_of(inspected.state),
        error=message(inspected.error or ""),
        blockers=inspected.count(Severity.BLOCKER),
        warnings=inspected.count(Severity.WARNING),
        infos=inspected.count(Severity.INFO),
        roles=tuple(sorted(key.removeprefix(ROLE) for key in labels if key.startswith(ROLE))),
        pool=pool_of(view.node) if view and view.node else "",
        zone=zone_of(view.node) if view and view.node else "",
        machine=machine_of(view, target) if view else None,
        stack=stack,
        settings=_settings(view, target) if view and not view.on_other_runtime else (),
    )


def machine_of(view: NodeView, target: Target) -> ReportedMachine:
    """What is known of the machine itself."""
    facts = view.facts
    docker = facts.docker if isinstance(facts.docker, Docker) else None
    asked = docker is not None and docker.info is not None
    stays = view.on_other_runtime
    return ReportedMachine(
        os=facts.os.name,
        kernel=facts.os.kernel,
        arch=facts.os.arch,
        cgroup=facts.os.cgroup,
        cgroup_driver=origin_of(facts).cgroup_driver or "",
        kubelet=facts.kubelet.version if isinstance(facts.kubelet, Kubelet) else "",
        installer=identify(facts, view.node).name,
        runtime=facts.endpoint.kind,
        runtime_version=_runtime_version(view),
        next_runtime=facts.endpoint.kind if stays else target.runtime,
        next_version=_runtime_version(view) if stays else target.installed(facts) or "",
        images=len(docker.images) if asked and docker else None,
        image_bytes=sum(image.size for image in docker.images) if asked and docker else None,
        standalone=len(docker.standalone) if asked and docker else None,
        inside=facts.inside,
        runtimes=tuple(map(_runtime, facts.runtimes)),
        pods=sum(not pod.finished for pod in view.pods),
    )


def _settings(view: NodeView, target: Target) -> tuple[DockerSetting, ...]:
    return tuple(
        DockerSetting(key=verdict.key, value=verdict.value_masked, place=verdict.place, verdict=verdict.verdict.value, note=verdict.note)
        for verdict in verdicts(view.facts, target)
    )


def _runtime(runtime: Runtime) -> ReportedRuntime:
    unread = runtime.runs.reason if isinstance(runtime.runs, Unreadable) else ""
    own = [run.name for run in runtime.live if run.owner is None or run.owner.startswith("namespace ")]
    return ReportedRuntime(
        name=runtime.name,
        role=runtime.role.value,
        version=runtime.version,
        kubernetes=runtime.kubernetes.value,
        live=None if unread else len(own),
        own=tuple(own[:MOST_NAMED]),
        unread=unread,
    )


def state_of(word: str) -> State:
    """The word of migrate.rules.judge.STATES, as the model has it."""
    states: dict[str, State] = {
        "ready": "ready",
        "needs work": "needs work",
        "blocked": "blocked",
        "nothing to do": "nothing to do",
    }
    return states.get(word, "not read")


def _runtime_version(view: NodeView) -> str:
    facts = view.facts
    if view.on_docker:
        return facts.docker.version if isinstance(facts.docker, Docker) else ""
    if facts.endpoint.kind == CONTAINERD.name:
        return facts.containerd.version if isinstance(facts.containerd, Containerd) else ""
    return facts.version_of(facts.endpoint.kind)
