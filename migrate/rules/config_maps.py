"""D2C314 to D2C316: lines of ConfigMaps that lean on Docker (migrate/facts/texts.py)."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.config_use import ConfigUseKind
from migrate.facts.workload import CONFIG_MAP
from migrate.rules import Severity
from migrate.rules.sight import Sign, WorkloadView, workload_rule


@workload_rule("D2C314", "log-parser-for-docker", Severity.WARNING)
def log_parser_for_docker(view: WorkloadView) -> Iterator[Sign]:
    """A ConfigMap sets a log agent up for Docker's log files.

    Why: lines come in the CRI format then (`TIME stdout F message`), and lie in /var/log/pods. A JSON parser fails on them; one that
    logs its own failures reads those again, and feeds itself.

    Remedy: Let it read both formats before the first node moves:

        multiline.parser docker, cri     # Fluent Bit 1.8 and later
        @type cri     # Fluentd with fluent-plugin-parser-cri
        - cri: {}     # Promtail

    Sources: kubespray docs, containerd; fluent-bit issue 2571; amazon-cloudwatch-container-insights issue 116.
    """
    yield from _uses(view, ConfigUseKind.LOG_PARSER)


@workload_rule("D2C315", "docker-in-config-map", Severity.WARNING)
def docker_in_config_map(view: WorkloadView) -> Iterator[Sign]:
    """A script in a ConfigMap calls docker.

    Why: a pod that runs it expects a Docker daemon, and the node's is gone. The pod's own command does not show it.

    Remedy: Replace the call, or bring what it needs without Docker (builds: BuildKit, Buildah or a kaniko fork):

        crictl ps; crictl images; crictl logs CONTAINER     # in place of docker ps, images, logs

    Sources: kubernetes.io, Check whether dockershim removal affects you; kubernetes.io, Mapping from dockercli to crictl.
    """
    yield from _uses(view, ConfigUseKind.CALL)


@workload_rule("D2C316", "docker-names-in-queries", Severity.WARNING)
def docker_names_in_queries(view: WorkloadView) -> Iterator[Sign]:
    """A query of rules or dashboards asks for names that exist under Docker alone.

    Why: cAdvisor's label `name` is k8s_CONTAINER_POD_... under Docker and an ID then, cgroup IDs hold no `docker`, labels of containers
    (container_label_*) are not added, and the daemon's own metrics end. The query answers nothing, and its alert never fires.

    Remedy: Ask for the labels that the kubelet adds on every runtime:

        container_memory_working_set_bytes{namespace="...", pod="...", container="..."}

    Sources: google/cadvisor issues 2965, 3235; kubernetes issue 111077; kubernetes.io, Check whether dockershim removal affects you.
    """
    yield from _uses(view, ConfigUseKind.QUERY)


def _uses(view: WorkloadView, use: ConfigUseKind) -> Iterator[Sign]:
    own = view.workload.kind == CONFIG_MAP
    for one in view.config_uses(use):
        where = f"{one.key}:{one.line}" if own else f"ConfigMap {one.name}, {one.key}:{one.line}"
        yield Sign(f"{where}: {one.words}", ("data", one.key) if own else ("spec",))
