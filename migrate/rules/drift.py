"""D2C117, D2C127 and D2C160: what Docker was told, and what the daemon reports."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.daemon import twice
from migrate.facts.redact import mask, printable
from migrate.formats import FormatError, unit_file
from migrate.rules import NodeView, Seen, Severity, daemon_keys, node_rule
from migrate.targets.docker_runtimes import differing_runtimes
from migrate.targets.proxies import REPORTED, Differing, differing_proxies, docker_proxies, merged_unit, reported, told_proxies
from migrate.targets.registries import differing_registries

# Key of daemon.json -> what `docker info` calls the value in force.
IN_FORCE = {
    "data-root": "DockerRootDir",
    "graph": "DockerRootDir",
    "log-driver": "LoggingDriver",
    "storage-driver": "Driver",
    "default-runtime": "DefaultRuntime",
}


@node_rule("D2C117", "docker-config-drifted", Severity.WARNING)
def docker_config_drifted(view: NodeView) -> Iterator[Seen]:
    """The daemon reports other settings than Docker is configured with.

    Why: its configuration has changed, and Docker has not been restarted since. A rollback starts Docker, and the pending change takes
    effect. With another cgroup driver or data root the node would not be as it was; with a key that daemon.json and a flag both set,
    Docker does not start. The plan carries what the daemon reports, and registries that are only configured as well.

    Remedy: Apply the change before the migration, or revert it:

        kubectl drain NODE --ignore-daemonsets
        systemctl restart docker     # on the node
        kubectl uncordon NODE

    Sources: dockerd reference, configuration reloading; moby v20.10.24 daemon/config/config.go (findConfigurationConflicts).
    """
    if view.docker is None or view.docker.info is None:
        return
    for file, flag in twice(view.docker.given):
        yield Seen(file.key, f"{file.where} and {flag.where} both set it: Docker keeps running, and would not start again")
    wanted = {key: given for key in IN_FORCE if (given := view.docker.told(key))}
    for key, given in wanted.items():
        runs = view.docker.info.get(IN_FORCE[key])
        if isinstance(runs, str) and runs and isinstance(given.value, str) and given.value.rstrip("/") != runs.rstrip("/"):
            yield Seen(key, f"{given.where} sets {daemon_keys.shown(given, view.target)}, docker info reports {runs}")
    driver = configured_cgroup_driver(view)
    if driver and view.docker.cgroup_driver and driver[0] != view.docker.cgroup_driver:
        yield Seen("native.cgroupdriver", f"{driver[1]} sets {driver[0]}, docker info reports {view.docker.cgroup_driver}")
    for differing in _differing(view):
        said = f"{differing.where} sets {_short(differing.told)}" if differing.told else "nothing that was read sets it"
        yield Seen(differing.subject, f"{said}, docker info reports {_short(differing.reports) or 'none'}")


@node_rule("D2C127", "unit-variable-ignored", Severity.WARNING)
def unit_variable_ignored(view: NodeView) -> Iterator[Seen]:
    """systemd ignores a variable of a unit file because of a percent sign.

    Why: `%` starts a specifier in unit files. With one that systemd does not know the whole assignment is ignored, and the service runs
    without it. The plan takes the unit as systemd does: it does not carry such a variable over.

    Remedy: Write each `%` of the value twice where the variable is meant, and plan again:

        systemctl cat UNITNAME     # on the node
        systemctl daemon-reload; systemctl restart UNITNAME     # on the node, drained

    Sources: systemd.unit(5), Specifiers; systemd issue 9842; docker/for-linux issue 1149.
    """
    units = [view.facts.unit(name) for name in ("docker.service", "cri-docker.service", "kubelet.service", view.target.unit)]
    for unit in (unit for unit in units if unit and view.on_docker):
        try:
            ignored = unit_file.ignored(merged_unit(view.facts, unit), view.facts.os.systemd)
        except FormatError:  # a finding already where it matters
            continue
        for variable in ignored:
            said = f"{variable.path}:{variable.line}: systemd ignores it for a `%` that is no specifier"
            yield Seen(f"{unit.name} {variable.name}", said, values={"UNITNAME": unit.name})


@node_rule("D2C160", "proxy-left-behind", Severity.WARNING)
def proxy_left_behind(view: NodeView) -> Iterator[Seen]:
    """Docker pulls through a proxy that the plan does not carry over.

    Why: the target inherits nothing of Docker's environment. The plan writes what the daemon reports; it masks credentials, and these come
    from the environment of its process, from unit files and their environment files, daemon.json and flags. Where none of them agrees
    with what is reported, the proxy is not carried over, and pulls time out.

    Remedy: Set the same variables for the target, NO_PROXY with the cluster's addresses included:

        systemctl show -p Environment -p EnvironmentFiles docker.service     # on the node
        systemctl edit UNIT     # [Service] Environment="HTTPS_PROXY=..." "NO_PROXY=..."

    Sources: dockerd reference, proxy configuration; metalk8s issue 2071; kubernetes/website issue 33770.
    """
    if view.docker is None or not view.on_docker:
        return
    try:
        carried = {variable.kind for variable in docker_proxies(view.facts)}
        still_open = [variable for variable in told_proxies(view.facts) if variable.open and variable.kind not in carried]
    except FormatError:  # the edit of that file is refused
        return
    for kind, text in (reported(view.facts) or {}).items():
        if text and kind not in carried:
            yield Seen(kind, f"docker info: {REPORTED[kind]} has credentials, and neither dockerd's process nor a file tells them")
    for variable in still_open:
        yield Seen(variable.name, f"{variable.where}: {variable.open} in its value is known to systemd on the node alone")


def configured_cgroup_driver(view: NodeView) -> tuple[str, str] | None:
    """The cgroup driver that Docker is told to use, and where; None when nothing says it."""
    given = view.docker.told("exec-opts") if view.docker else None
    if given is None:
        return None
    options = given.value if isinstance(given.value, list) else [given.value]
    values = [str(option).partition("=")[2] for option in options if str(option).startswith("native.cgroupdriver=")]
    return (values[-1], given.where) if values else None


def _differing(view: NodeView) -> Iterator[Differing]:
    """What the daemon reports of registries, runtimes and proxies otherwise than it is told."""
    try:
        proxies = tuple(differing_proxies(view.facts))
    except FormatError:  # the edit of that file is refused
        proxies = ()
    yield from proxies
    yield from differing_registries(view.facts)
    yield from differing_runtimes(view.facts)


def _short(text: str) -> str:
    return mask(printable(text))[: daemon_keys.LONGEST]
