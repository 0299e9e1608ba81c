"""D2C700 to D2C731: files of a repository that depend on Docker outside of pods, and files that could not be read as what they are."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.manifests.model import Kind, Problem, Trouble, Use
from migrate.rules import Rule, Severity
from migrate.rules.text import rule_text


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRule(Rule):
    """A rule about what files say: each such use, or each such trouble in reading, is a finding. Of a node it sees nothing."""

    about: Kind | Trouble

    def reads(self, item: Use | Problem) -> bool:
        """Whether it is about this."""
        return (item.trouble if isinstance(item, Problem) else item.kind) is self.about


def file_rule(code: str, slug: str, severity: Severity, about: Kind | Trouble, text: str) -> FileRule:
    """Make a FileRule; `text` is of the form of `migrate.rules.rule_text`."""
    return FileRule(code=code, slug=slug, severity=severity, about=about, **rule_text(code, text))


FILE_RULES = (
    file_rule(
        "D2C700",
        "file-broken",
        Severity.WARNING,
        Trouble.BROKEN,
        """A file is not what its name says, or breaks off: only its text, or a part of it, was judged.

        Why: what cannot be parsed cannot be judged in full; a finding may be missing.

        Remedy: Fix the file. To check a manifest by itself:

            kubectl apply --dry-run=client -f FILE

        Sources: YAML 1.2; docs.docker.com, Dockerfile reference; systemd.syntax(7).
        """,
    ),
    file_rule(
        "D2C701",
        "manifest-misfit",
        Severity.WARNING,
        Trouble.MISFIT,
        """A manifest does not match Kubernetes' types, or sets a field twice.

        Why: the API server rejects it, or drops a part without an error; the rest of it was judged.

        Remedy: Correct the manifest:

            kubectl apply --dry-run=server --validate=strict -f FILE

        Sources: kubernetes.io, Server side field validation; sigs.k8s.io/yaml.
        """,
    ),
    file_rule(
        "D2C702",
        "templates-not-rendered",
        Severity.WARNING,
        Trouble.UNRENDERED,
        """A chart or a kustomization could not be rendered: its templates, or files, were read as they stand.

        Why: values and patches decide what is deployed. Conditions were decided by the default values where these decide them; what stands
        in another branch is told as text only, and what other templates put in is missing.

        Remedy: Install the program that is named, or render it and scan the result:

            helm template CHART -f VALUES | docker2cri scan -
            kubectl kustomize DIR | docker2cri scan -

        Sources: helm.sh, helm template; kubernetes.io, Declarative management with kustomize.
        """,
    ),
    file_rule(
        "D2C703",
        "waiver-incomplete",
        Severity.WARNING,
        Trouble.WAIVER,
        """A waiver in a file is incomplete and waives nothing.

        Why: a waiver needs a code, a reason and, where it ends, a valid date.

        Remedy: Complete it, beside or above the line that it is about:

            # docker2cri: ignore D2C301 the builder moves to BuildKit (until 2027-01-31)

        Sources: docs/guide.md, Waivers.
        """,
    ),
    file_rule(
        "D2C710",
        "privileged-outside-pods",
        Severity.WARNING,
        Kind.PRIVILEGED,
        """A script, job or Compose service starts a privileged container with Docker.

        Why: it needs a Docker daemon, and on a node it reaches the whole host, where no rule about workloads judges it.

        Remedy: Run it as a pod with the permissions that it needs, or on a machine that keeps Docker:

            kubectl debug node/NODE -it --image=busybox --profile=sysadmin     # to look at a node

        Sources: docs.docker.com, docker container run --privileged; kubernetes.io, Debug running pods.
        """,
    ),
    file_rule(
        "D2C711",
        "docker-socket-in-file",
        Severity.WARNING,
        Kind.SOCKET,
        """A script, job, Compose service or volume uses Docker's socket.

        Why: on a node, or in a pod, nothing serves that socket once Docker is stopped.

        Remedy: Build with BuildKit, Buildah or a kaniko fork, which need no daemon of the node:

            buildctl build --frontend dockerfile.v0 --local context=. --local dockerfile=.

        Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; moby/buildkit README.
        """,
    ),
    file_rule(
        "D2C712",
        "docker-command-in-file",
        Severity.INFO,
        Kind.CALL,
        """A script or a job calls docker.

        Why: it works where a Docker daemon runs: build machines do not change, on nodes and in pods that use the node's Docker it fails.

        Remedy: Find out where it runs. On a node, crictl lists containers and images, and the kubelet removes unused ones:

            crictl ps; crictl images; crictl logs CONTAINER     # in place of docker ps, images, logs

        Sources: kubernetes.io, Mapping from dockercli to crictl.
        """,
    ),
    file_rule(
        "D2C713",
        "docker-host-in-file",
        Severity.WARNING,
        Kind.ADDRESS,
        """A file sets DOCKER_HOST, or calls docker with --host.

        Why: it uses a certain daemon. One of its own in the pod or the job (dind) continues to work; that of a node does not.

        Remedy: Find out whose daemon serves that address:

            docker -H ADDRESS info --format '{{.Name}}'

        Sources: docs.docker.com, Use the Docker command line (DOCKER_HOST); docs.gitlab.com, Use Docker to build Docker images.
        """,
    ),
    file_rule(
        "D2C714",
        "docker-daemon-in-file",
        Severity.INFO,
        Kind.DAEMON,
        """A job or service runs a Docker daemon of its own.

        Why: it does not need the node's Docker and continues to work. It needs a privileged container, and its images are on no node.

        Remedy: Nothing for the migration. Rootless BuildKit and Buildah build without a daemon and without privileges.

        Sources: docs.gitlab.com, Use Docker to build Docker images; hub.docker.com, docker (dind).
        """,
    ),
    file_rule(
        "D2C715",
        "docker-data-in-file",
        Severity.WARNING,
        Kind.DATA,
        """A script, job, Compose service or volume uses Docker's own files.

        Why: on a node nothing changes below /var/lib/docker any more once Docker is stopped; the target keeps other files in other places.

        Remedy: Read /var/log/pods for logs, and ask the runtime for the space that it uses:

            crictl stats; crictl imagefsinfo     # on the node

        Sources: kubernetes.io, Check whether dockershim removal affects you.
        """,
    ),
    file_rule(
        "D2C716",
        "unit-file-needs-docker",
        Severity.WARNING,
        Kind.UNIT,
        """A unit file requires Docker's unit or calls docker, or a script controls Docker's service or sets Docker as the runtime.

        Why: on a node systemd stops the unit together with Docker and does not start it while Docker is stopped; a call fails.

        Remedy: Move what it runs into a pod, or make it depend on the target's unit:

            systemctl list-dependencies --reverse docker.service docker.socket     # on the node

        Sources: systemd.unit(5), Requires=, Wants= and BindsTo=.
        """,
    ),
    file_rule(
        "D2C717",
        "docker-cli-in-image",
        Severity.INFO,
        Kind.IMAGE,
        """An image contains the docker command, or a script installs it.

        Why: in a pod the command finds no daemon once the node's Docker is stopped.

        Remedy: Find out what uses the image, and which daemon it calls:

            kubectl get pods -A -o jsonpath='{range .items[*]}{.metadata.name} {.spec.containers[*].image}{"\\n"}{end}' | grep IMAGE

        Sources: kubernetes.io, Check whether dockershim removal affects you.
        """,
    ),
    file_rule(
        "D2C718",
        "compose-file",
        Severity.INFO,
        Kind.COMPOSE,
        """A Compose file describes containers that Docker itself runs.

        Why: on a node they stop with Docker, and Kubernetes does not know them.

        Remedy: Find out whether it is used on a node; if so, move it to a machine with Docker, or convert it to manifests:

            docker ps --filter label=com.docker.compose.project     # on the node

        Sources: docs.docker.com, Compose file reference; kompose.io.
        """,
    ),
)
