"""D2C700 to D2C731: files of a repository that lean on Docker outside of pods, and files that could not be read as what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from migrate.manifests.model import Kind, Problem, Trouble, Use
from migrate.rules import NodeView, Rule, Seen, Severity, rule

Applies = Callable[[Use | Problem], bool]


def file_rule(code: str, slug: str, severity: Severity) -> Callable[[Applies], Rule]:
    """Make a Rule about what files say; the docstring is as `migrate.rules.rule` wants it. Of a node it says nothing."""

    def made(applies: Applies) -> Rule:
        def see(view: NodeView) -> Iterator[Seen]:
            yield from ()

        see.__doc__ = applies.__doc__
        return replace(rule(code, slug, severity)(see), reads=applies)

    return made


@file_rule("D2C700", "file-broken", Severity.WARNING)
def file_broken(one: Use | Problem) -> bool:
    """A file is not what its name says, or breaks off: it was judged by its text, or in part.

    Why: what cannot be read cannot be judged; a finding may be missing.

    Remedy: Mend it. A manifest is read by itself with:

        kubectl apply --dry-run=client -f FILE

    Sources: YAML 1.2; docs.docker.com, Dockerfile reference; systemd.syntax(7).
    """
    return _trouble(one, Trouble.BROKEN)


@file_rule("D2C701", "manifest-misfit", Severity.WARNING)
def manifest_misfit(one: Use | Problem) -> bool:
    """A manifest does not fit Kubernetes' types, or says a thing twice.

    Why: the API server refuses it, or drops a part without a word; the rest of it was judged.

    Remedy: Write it as the API wants it:

        kubectl apply --dry-run=server --validate=strict -f FILE

    Sources: kubernetes.io, Server side field validation; sigs.k8s.io/yaml.
    """
    return _trouble(one, Trouble.MISFIT)


@file_rule("D2C702", "templates-not-rendered", Severity.WARNING)
def templates_not_rendered(one: Use | Problem) -> bool:
    """A chart or a kustomization could not be rendered, so that only its text was searched.

    Why: values and patches decide what is deployed; lines that are never rendered may be told, and what only rendering makes is missing.

    Remedy: Install the program that is named, or render it and scan the result:

        helm template CHART -f VALUES | docker2cri scan -
        kubectl kustomize DIR | docker2cri scan -

    Sources: helm.sh, helm template; kubernetes.io, Declarative management with kustomize.
    """
    return _trouble(one, Trouble.UNRENDERED)


@file_rule("D2C703", "waiver-incomplete", Severity.WARNING)
def waiver_incomplete(one: Use | Problem) -> bool:
    """A waiver in a file is not written as it must be, so that it waives nothing.

    Why: a waiver without a code, a reason or a real day cannot be answered for later.

    Remedy: Write it whole, beside or above the line that it is about:

        # docker2cri: ignore D2C301 the builder moves to BuildKit (until 2027-01-31)

    Sources: docs/guide.md, Waivers.
    """
    return _trouble(one, Trouble.WAIVER)


@file_rule("D2C710", "privileged-outside-pods", Severity.WARNING)
def privileged_container(one: Use | Problem) -> bool:
    """A script, job or Compose service starts a privileged container with Docker.

    Why: it needs a Docker daemon, and on a node it reaches everything of the host: whatever it does there is seen by no Kubernetes rule.

    Remedy: Run it as a pod with what it needs named, or on a machine that keeps Docker:

        kubectl debug node/NODE -it --image=busybox --profile=sysadmin     # for a look at a node

    Sources: docs.docker.com, docker container run --privileged; kubernetes.io, Debug running pods.
    """
    return _kind(one, Kind.PRIVILEGED)


@file_rule("D2C711", "docker-socket-in-file", Severity.WARNING)
def docker_socket_in_file(one: Use | Problem) -> bool:
    """A script, job, Compose service or volume hands on Docker's socket.

    Why: where it runs on a node, or in a pod of one, nobody answers at that socket once Docker is shelved.

    Remedy: Build with BuildKit, Buildah or a kaniko fork, which need no daemon of the node:

        buildctl build --frontend dockerfile.v0 --local context=. --local dockerfile=.

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; moby/buildkit README.
    """
    return _kind(one, Kind.SOCKET)


@file_rule("D2C712", "docker-command-in-file", Severity.INFO)
def docker_command_in_file(one: Use | Problem) -> bool:
    """A script or a job calls Docker's command.

    Why: it works as long as it runs where a Docker daemon is: on build machines nothing changes, on nodes and in pods that use the node's
    Docker it fails.

    Remedy: Find out where it runs. On a node, crictl looks and the kubelet cleans up:

        crictl ps; crictl images; crictl logs CONTAINER     # in place of docker ps, images, logs

    Sources: kubernetes.io, Mapping from dockercli to crictl.
    """
    return _kind(one, Kind.CALL)


@file_rule("D2C713", "docker-host-in-file", Severity.WARNING)
def docker_host_in_file(one: Use | Problem) -> bool:
    """A file sets DOCKER_HOST, or calls Docker with --host.

    Why: it speaks to a certain daemon. One of its own in the pod or the job (dind) goes on working; that of a node does not.

    Remedy: Find out whose daemon answers there:

        docker -H ADDRESS info --format '{{.Name}}'

    Sources: docs.docker.com, Use the Docker command line (DOCKER_HOST); docs.gitlab.com, Use Docker to build Docker images.
    """
    return _kind(one, Kind.ADDRESS)


@file_rule("D2C714", "docker-daemon-in-file", Severity.INFO)
def docker_daemon_in_file(one: Use | Problem) -> bool:
    """A job or service brings a Docker daemon of its own.

    Why: it does not need the node's Docker and goes on working; it needs a privileged container, and its images are on no node.

    Remedy: Nothing for the migration. Builds without a daemon need no privileges: BuildKit rootless, Buildah.

    Sources: docs.gitlab.com, Use Docker to build Docker images; hub.docker.com, docker (dind).
    """
    return _kind(one, Kind.DAEMON)


@file_rule("D2C715", "docker-data-in-file", Severity.WARNING)
def docker_data_in_file(one: Use | Problem) -> bool:
    """A script, job, Compose service or volume uses Docker's own files.

    Why: on a node nothing changes below /var/lib/docker any more, and later it is gone; containerd keeps other files elsewhere.

    Remedy: For logs read /var/log/pods, for space ask the runtime:

        crictl stats; crictl imagefsinfo     # on the node

    Sources: kubernetes.io, Check whether dockershim removal affects you.
    """
    return _kind(one, Kind.DATA)


@file_rule("D2C716", "unit-file-needs-docker", Severity.WARNING)
def unit_file_needs_docker(one: Use | Problem) -> bool:
    """A unit file needs Docker's unit, calls Docker, or a script handles Docker's service.

    Why: on a node systemd stops it together with Docker and does not start it while Docker is shelved; a call fails.

    Remedy: Move what it runs into a pod, or name containerd in its place:

        systemctl list-dependencies --reverse docker.service docker.socket     # on the node

    Sources: systemd.unit(5), Requires=, Wants= and BindsTo=.
    """
    return _kind(one, Kind.UNIT)


@file_rule("D2C717", "docker-cli-in-image", Severity.INFO)
def docker_cli_in_image(one: Use | Problem) -> bool:
    """An image is made with Docker's command in it, or a script installs it.

    Why: somebody means to call it. In a pod it finds no daemon once the node's Docker is shelved.

    Remedy: See what the image is used for, and which daemon it speaks to:

        kubectl get pods -A -o jsonpath='{range .items[*]}{.metadata.name} {.spec.containers[*].image}{"\\n"}{end}' | grep IMAGE

    Sources: kubernetes.io, Check whether dockershim removal affects you.
    """
    return _kind(one, Kind.IMAGE)


@file_rule("D2C718", "compose-file", Severity.INFO)
def compose_file(one: Use | Problem) -> bool:
    """A Compose file describes containers that Docker itself runs.

    Why: where it is used on a node its containers stop with Docker, and Kubernetes knows nothing of them.

    Remedy: Find out whether it runs on a node; if so move it to a machine with Docker, or make manifests of it:

        docker ps --filter label=com.docker.compose.project     # on the node

    Sources: docs.docker.com, Compose file reference; kompose.io.
    """
    return _kind(one, Kind.COMPOSE)


def _trouble(one: Use | Problem, trouble: Trouble) -> bool:
    return isinstance(one, Problem) and one.trouble is trouble


def _kind(one: Use | Problem, kind: Kind) -> bool:
    return isinstance(one, Use) and one.kind is kind


FILE_RULES = (
    file_broken,
    manifest_misfit,
    templates_not_rendered,
    waiver_incomplete,
    privileged_container,
    docker_socket_in_file,
    docker_command_in_file,
    docker_host_in_file,
    docker_daemon_in_file,
    docker_data_in_file,
    unit_file_needs_docker,
    docker_cli_in_image,
    compose_file,
)
