"""D2C314 to D2C316: lines of ConfigMaps that depend on Docker (migrate/facts/texts.py)."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.config_use import ConfigUseKind
from migrate.rules import Severity
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule


@workload_rule("D2C314", "log-parser-for-docker", Severity.WARNING, words=("ocker", "<source> json"))
def log_parser_for_docker(view: WorkloadView) -> Iterator[Sign]:
    """A configuration makes a log agent read for Docker's log files.

    Why: after the migration lines have the CRI format (`TIME stdout F message`), in files below /var/log/pods. A JSON parser fails on them;
    an agent that logs its own failures collects those too, and repeats itself.

    Remedy: Configure it for both formats before the first node moves:

        multiline.parser docker, cri     # Fluent Bit 1.8 and later
        @type cri     # Fluentd with fluent-plugin-parser-cri
        - cri: {}     # Promtail

    Sources: kubespray docs, containerd; fluent-bit issue 2571; amazon-cloudwatch-container-insights issue 116.
    """
    yield from lines_of(view, ConfigUseKind.LOG_PARSER)


@workload_rule("D2C315", "docker-in-config-map", Severity.WARNING, words=("docker",))
def docker_in_config_map(view: WorkloadView) -> Iterator[Sign]:
    """A script in a ConfigMap or another configuration calls docker.

    Why: a pod that runs it needs a Docker daemon, and that of the node is stopped. The pod's own command does not show it.

    Remedy: Replace the call, or use tools that need no Docker (builds: BuildKit, Buildah or a kaniko fork):

        crictl ps; crictl images; crictl logs CONTAINER     # in place of docker ps, images, logs

    Sources: kubernetes.io, Check whether dockershim removal affects you; kubernetes.io, Mapping from dockercli to crictl.
    """
    yield from lines_of(view, ConfigUseKind.CALL)


@workload_rule("D2C316", "docker-names-in-queries", Severity.WARNING, words=("docker", "k8s_", "container_label_", "engine_daemon_"))
def docker_names_in_queries(view: WorkloadView) -> Iterator[Sign]:
    """A query of rules or dashboards uses names that exist under Docker alone.

    Why: the label `name` of cAdvisor is k8s_CONTAINER_POD_... under Docker and an ID under the target, cgroup IDs hold no `docker`, labels
    of containers (container_label_*) are missing, and the daemon's own metrics end. The query returns nothing, and its alert never fires.

    Remedy: Use the labels that the kubelet adds on every runtime:

        container_memory_working_set_bytes{namespace="...", pod="...", container="..."}

    Sources: google/cadvisor issues 2965, 3235; kubernetes issue 111077; kubernetes.io, Check whether dockershim removal affects you.
    """
    yield from lines_of(view, ConfigUseKind.QUERY)


def lines_of(view: WorkloadView, use: ConfigUseKind) -> Iterator[Sign]:
    """The lines of ConfigMaps that depend on Docker in one way, as signs."""
    own = view.workload.configures
    for line in view.config_uses(use):
        at = f"{line.key}:{line.line}" if line.line else line.key
        where = at if own else f"ConfigMap {line.name}, {at}"
        words = line.words if line.line else line.words.removeprefix(f"{line.key.rpartition('.')[2]}: ")
        yield Sign(f"{where}: {words}", ("data", line.key) if own else ("spec",))
