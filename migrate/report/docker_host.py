"""Docker hosts for the report: judged facts as published values, and the report of an inspection of these alone."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from itertools import chain

from msgspec.structs import replace

from migrate.facts.docker_host import DockerHost, HostContainer
from migrate.report.build import INSIDE, counted, moment, rule_texts
from migrate.report.docker_model import DiskUse, HostState, ReportedContainer, ReportedDockerHost
from migrate.report.merge import merged
from migrate.report.model import FORMAT, NotChecked, Report
from migrate.report.plain import message
from migrate.rules import Severity
from migrate.rules.docker_engine import DOCKER_HOST_RULES
from migrate.rules.docker_host import close_to_host, mounted
from migrate.rules.judge import JudgedDockerHost
from migrate.rules.text import filled
from migrate.targets import Target

_STATES: dict[str, HostState] = {"ready": "ready", "needs work": "needs work", "blocked": "blocked"}


def docker_host_report(hosts: tuple[JudgedDockerHost, ...], *, target: Target, tool: str) -> Report:
    """The report of an inspection of Docker hosts."""
    told = merged([(host.name, host.name, host.findings) for host in hosts], (), ())
    findings = tuple(
        replace(finding, docker_hosts=finding.nodes, nodes=(), remedy=filled(finding.remedy, _values(hosts))) for finding in told
    )
    unread = (
        NotChecked(what=f"Docker host {host.name}", reason=message(host.error or "").splitlines()[0]) for host in hosts if not host.facts
    )
    partly = (
        NotChecked(what=f"{unreadable.what} of {host.name}", reason=unreadable.reason)
        for host in hosts
        for unreadable in (host.facts.unreadable if host.facts else ())
    )
    return counted(
        Report(
            format=FORMAT,
            kind="docker-host",
            tool=tool,
            taken=moment(max((host.facts.taken for host in hosts if host.facts), default=0)),
            target=target.name,
            docker_hosts=tuple(map(_reported, hosts)),
            findings=findings,
            not_checked=tuple(chain(unread, partly, _unasked(hosts), (INSIDE,))),
            rules=rule_texts(findings, None),
            asked=tuple(f"{rule.code} {rule.slug}" for rule in DOCKER_HOST_RULES),
        )
    )


def _values(hosts: tuple[JudgedDockerHost, ...]) -> dict[str, str]:
    """What fills HOST in a remedy: the host where there is one; of several, the reader chooses."""
    return {"HOST": shlex.quote(hosts[0].name)} if len(hosts) == 1 else {}


def _unasked(hosts: Iterable[JudgedDockerHost]) -> Iterable[NotChecked]:
    """What only the host itself can say, where it was not asked."""
    for host in hosts:
        if host.facts and host.facts.access.members is None:
            yield NotChecked(what=f"members of the group docker on {host.name}", reason="the host itself was not read, only Docker's API")


def _reported(judged: JudgedDockerHost) -> ReportedDockerHost:
    counts = [sum(finding.severity is severity for finding in judged.findings) for severity in Severity]
    state = _STATES.get(judged.state, "not read")
    host = judged.facts
    if host is None:
        return ReportedDockerHost(host=judged.name, state=state, error=message(judged.error or ""))
    return ReportedDockerHost(
        host=judged.name,
        state=state,
        blockers=counts[0],
        warnings=counts[1],
        infos=counts[2],
        endpoint=host.endpoint,
        tls=host.tls,
        version=host.version,
        api=host.api,
        least_api=host.least_api,
        os=host.os,
        kernel=host.kernel,
        arch=host.arch,
        root=host.root,
        storage=host.storage,
        store=host.store,
        cgroup=host.cgroup,
        cgroup_driver=host.cgroup_driver,
        live_restore=host.live_restore,
        rootless=host.rootless,
        userns=host.userns,
        swarm=host.swarm,
        default_runtime=host.default_runtime,
        runtimes=host.runtimes,
        security=host.security,
        plugins=tuple(f"{kind} {name}" for kind, name in host.plugins),
        insecure_registries=host.insecure,
        mirrors=host.mirrors,
        containers=tuple(map(_container, host.containers)),
        images=host.images,
        volumes=tuple(f"{volume.name} ({volume.driver})" for volume in host.volumes),
        networks=tuple(f"{network.name} ({network.driver})" for network in host.networks),
        services=host.services,
        disk=_disk(host),
    )


def _disk(host: DockerHost) -> DiskUse | None:
    sizes = host.sizes
    if sizes is None:
        return None
    return DiskUse(images=sizes.images, containers=sizes.containers, volumes=sizes.volumes, build_cache=sizes.build_cache)


def _container(container: HostContainer) -> ReportedContainer:
    return ReportedContainer(
        name=container.name,
        image=container.image,
        state=container.state,
        restart=container.restart,
        privileged=container.privileged,
        no_new_privileges=container.no_new_privileges,
        user=container.user,
        close=tuple(close_to_host(container)),
        mounts=tuple(map(mounted, container.mounts)),
        ports=container.ports,
        variables=container.environment,
        project=container.project,
        service=container.service,
        swarm_service=container.swarm_service,
    )
