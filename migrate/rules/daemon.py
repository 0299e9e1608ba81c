"""D2C117 to D2C121: how dockerd is configured, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.facts.model import Setting
from migrate.formats import FormatError, quantity
from migrate.rules import NodeView, Seen, Severity, daemon_given, daemon_keys, rule
from migrate.rules.daemon_keys import Verdict

# Key of daemon.json -> what `docker info` calls the value in force.
IN_FORCE = {"data-root": "DockerRootDir", "log-driver": "LoggingDriver", "storage-driver": "Driver", "default-runtime": "DefaultRuntime"}


@rule("D2C117", "docker-config-drifted", Severity.WARNING)
def docker_config_drifted(view: NodeView) -> Iterator[Seen]:
    """Docker's configuration was changed and Docker has not been restarted since.

    Why: a rollback starts Docker anew and so brings the waiting change into force. With another cgroup driver or data root the node
    would not come back as it was.

    Remedy: Bring the change into force before the migration, or take it back:

        kubectl drain NODE --ignore-daemonsets
        systemctl restart docker     # on the node
        kubectl uncordon NODE

    Sources: docker2cri docs/design, section 7 (the way back); dockerd reference, configuration reloading.
    """
    if view.docker is None or view.docker.info is None:
        return
    wanted = {key: one for key in IN_FORCE if (one := daemon_given.value_of(view.docker, key))}
    for key, one in wanted.items():
        runs = view.docker.info.get(IN_FORCE[key])
        if isinstance(runs, str) and runs and isinstance(one.value, str) and one.value.rstrip("/") != runs.rstrip("/"):
            yield Seen(key, f"{one.where} says {one.shown}, docker info says {runs}")
    driver = configured_cgroup_driver(view)
    if driver and view.docker.cgroup_driver and driver[0] != view.docker.cgroup_driver:
        yield Seen("native.cgroupdriver", f"{driver[1]} says {driver[0]}, docker info says {view.docker.cgroup_driver}")


@rule("D2C118", "daemon-key-lost", Severity.WARNING)
def daemon_key_lost(view: NodeView) -> Iterator[Seen]:
    """A setting of Docker cannot be carried over.

    Why: pods, or people, rely on what it did, and after the migration nothing does it.

    Remedy: Read the evidence: it names what takes its place, if anything does. Remove the key first if nobody needs it.

    Sources: dockerd reference, daemon configuration file; containerd docs/cri/config.md; moby v20.10.24 daemon/config.
    """
    yield from _keys(view, Verdict.LOST)


@rule("D2C119", "daemon-key-changed", Severity.INFO)
def daemon_key_changed(view: NodeView) -> Iterator[Seen]:
    """A setting of Docker works differently afterwards.

    Why: the new runtime, or the kubelet, has a setting of its own for it, with another default or another meaning.

    Remedy: Compare with the files in the plan, and set the new one where the plan does not:

        docker2cri plan --to containerd NODE

    Sources: dockerd reference, daemon configuration file; containerd docs/cri/config.md.
    """
    yield from _keys(view, Verdict.CHANGED)


@rule("D2C120", "log-rotation-moves", Severity.INFO)
def log_rotation_moves(view: NodeView) -> Iterator[Seen]:
    """Container logs are rotated by the kubelet afterwards, not by Docker.

    Why: `log-opts` of Docker no longer apply; containerLogMaxSize and containerLogMaxFiles of the kubelet do, 10Mi and 5 by
    default. Docker's sizes are decimal (10m is 10M there, not 10Mi), and the kubelet keeps at least 2 files. Without log-opts
    Docker kept everything.

    Remedy: The plan carries max-size and max-file of daemon.json over where the kubelet has no setting of its own. Otherwise set them:

        containerLogMaxSize: 10M
        containerLogMaxFiles: 5

    Sources: Kubernetes v1.20.2 pkg/kubelet/kubelet.go; moby jsonfilelog.go (units.FromHumanSize); containerd issues 4830, 3351.
    """
    if view.docker is None or view.kubelet is None or not view.on_docker:
        return
    size = view.kubelet.setting("container-log-max-size", "containerLogMaxSize", "10Mi")
    files = view.kubelet.setting("container-log-max-files", "containerLogMaxFiles", 5)
    options = daemon_given.value_of(view.docker, "log-opts")
    given = options.value if options and isinstance(options.value, Mapping) else {}
    docker = f"Docker: max-size {_size(given.get('max-size'))}, max-file {given.get('max-file', 1)}"
    if options:
        docker += f" ({options.where})"
    kubelet = f"kubelet: {_said('containerLogMaxSize', size)}, {_said('containerLogMaxFiles', files)}"
    yield Seen("container logs", f"{docker}; {kubelet}")


@rule("D2C121", "log-format-changes", Severity.INFO)
def log_format_changes(view: NodeView) -> Iterator[Seen]:
    """Container logs change from Docker's JSON lines to CRI's text lines.

    Why: `kubectl logs` reads both, a log agent with a JSON parser does not: lines arrive unparsed, or an agent feeds on its own
    errors. Long lines come in parts, marked P and F. The files are real ones below /var/log/pods, no longer links into Docker's
    data root.

    Remedy: Before the first node, give the agent a parser that knows both, and let it mount /var/log (Fluent Bit 1.8:
    `multiline.parser docker, cri`; Fluentd: fluent-plugin-parser-cri; Filebeat: the `container` input; promtail: the `cri` stage).

    Sources: KEP-2221; kubernetes pkg/kubelet/kuberuntime/logs; amazon-cloudwatch-container-insights issue 116; loki issue 2180.
    """
    if view.on_docker and view.docker:
        driver = daemon_given.value_of(view.docker, "log-driver")
        now = (view.docker.info or {}).get("LoggingDriver") or (driver.value if driver else "json-file")
        yield Seen("container logs", f"log driver now: {now}; then: files in CRI format (`TIME stdout F message`)")


def configured_cgroup_driver(view: NodeView) -> tuple[str, str] | None:
    """The cgroup driver that Docker is told to use, and where; None when nothing says it."""
    one = daemon_given.value_of(view.docker, "exec-opts") if view.docker else None
    if one is None:
        return None
    options = one.value if isinstance(one.value, list) else [one.value]
    values = [str(option).partition("=")[2] for option in options if str(option).startswith("native.cgroupdriver=")]
    return (values[-1], one.where) if values else None


def _keys(view: NodeView, verdict: Verdict) -> Iterator[Seen]:
    for one in daemon_given.given(view.docker) if view.docker and view.on_docker else ():
        key = daemon_keys.judge(one.key, one.value)
        if key is None:
            continue
        here = f"{one.where}: {one.key} = {one.shown}"
        if key.verdict is verdict:
            yield Seen(one.key, f"{here}: {key.text}")
        elif verdict is Verdict.LOST and key.verdict is Verdict.CARRIED:
            if one.where != daemon_given.FILE:
                yield Seen(one.key, f"{here}: the plan carries it from daemon.json only; move it there, or set it in containerd by hand")
            else:
                yield from (Seen(one.key, f"{here}: {text}") for text in daemon_keys.left_behind(one.key, one.value))


def _said(name: str, setting: Setting) -> str:
    return f"{name} {setting.value} ({setting.place or 'default'})"


def _size(value: object) -> str:
    if value is None:
        return "unlimited"
    try:
        return f"{value} = {quantity.as_quantity(quantity.docker_size(str(value)))}"
    except FormatError:
        return f"{value} (no size that Docker reads)"
