"""The commands that look, for Docker hosts that are no nodes: `inspect`, `capture` and `explain stack` with `--docker`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from migrate import __version__
from migrate.cli.options import only
from migrate.cli.output import notice, style
from migrate.cli.terminal import say, show
from migrate.errors import UsageError, worst

if TYPE_CHECKING:
    from migrate.cli.docker_options import DockerOptions
    from migrate.cli.options import Judging, ReachOptions
    from migrate.cli.saying import Saying
    from migrate.run.docker.hosts import HostReading
    from migrate.run.session import ReadingOptions

HOSTS = ("docker_names", "docker_cert_path", "sizes", "ssh_config")
REPORT = ("form", "out", "no_headers", "show_info", "fail_on", "waive", "waivers", "color")


def inspect_docker(
    nodes: tuple[str, ...], docker: DockerOptions, reach: ReachOptions, reading: ReadingOptions, judging: Judging, saying: Saying
) -> int:
    """Read Docker hosts, judge them, and say the report."""
    from migrate.report.docker_host import docker_host_report
    from migrate.rules.docker_host_rule import check_docker_host
    from migrate.rules.judge import JudgedDockerHost
    from migrate.rules.table import RULES

    readings = _read(nodes, docker, reach, reading.offline, "inspect --docker", (*REPORT, "accept", "offline"))
    judged = tuple(
        JudgedDockerHost(host.name, host.facts, check_docker_host(host.facts, RULES, judging.accepted) if host.facts else (), _why(host))
        for host in readings
    )
    code = saying.say(docker_host_report(judged, target=judging.target, tool=__version__))
    return worst([code, *_codes(readings)])


def capture_docker(nodes: tuple[str, ...], docker: DockerOptions, reach: ReachOptions, out: str) -> int:
    """Save the readings of Docker hosts."""
    from migrate.run.docker.hosts import save_hosts

    readings = _read(nodes, docker, reach, None, "capture --docker", ("out",))
    for path in save_hosts(Path(out), [host.capture for host in readings if host.capture is not None]):
        say(str(path), err=False)
    return _tell_unread(readings)


def explain_docker(nodes: tuple[str, ...], docker: DockerOptions, reach: ReachOptions, reading: ReadingOptions, color: str) -> int:
    """Say who talks to whom on Docker hosts."""
    from migrate.report.docker_stack import docker_stack_text

    readings = _read(nodes, docker, reach, reading.offline, "explain stack --docker", ("color", "offline"))
    how = style(color, None)
    show("\n".join(docker_stack_text(host.facts, how) for host in readings if host.facts))
    return _tell_unread(readings)


def _read(
    nodes: tuple[str, ...], docker: DockerOptions, reach: ReachOptions, offline: str | None, way: str, used: Collection[str]
) -> tuple[HostReading, ...]:
    from migrate.run.docker.hosts import HostOptions, read_hosts

    if nodes:
        seen = f"{way} {' '.join(docker.names)} with the nodes {', '.join(nodes)}"
        raise UsageError(seen=seen, expected="either nodes or Docker hosts", next=f"docker2cri {way} {docker.names[0]}")
    only((*HOSTS, *used), way)
    notice(f"reading {len(docker.names)} Docker hosts")
    return read_hosts(docker.names, HostOptions(docker.certificates, reach.ssh_config, docker.sizes, offline=offline))


def _why(host: HostReading) -> str | None:
    return str(host.error) if host.error else None


def _codes(readings: tuple[HostReading, ...]) -> list[int]:
    return [host.error.exit_code for host in readings if host.error]


def _tell_unread(readings: tuple[HostReading, ...]) -> int:
    for host in readings:
        if host.error:
            say(str(host.error))
    return worst(_codes(readings))
