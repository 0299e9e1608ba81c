"""D2C118 to D2C121, D2C126, D2C161, D2C162 and D2C166: how dockerd is configured, and what happens to its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.facts.model import Setting
from migrate.facts.redact import mask, printable
from migrate.formats import FormatError, image_ref, quantity
from migrate.rules import NodeView, Seen, Severity, daemon_keys, node_rule
from migrate.sources.table import origin_of
from migrate.targets.docker_keys import Fate
from migrate.targets.registries import half_pairs


@node_rule("D2C118", "daemon-key-lost", Severity.WARNING)
def daemon_key_lost(view: NodeView) -> Iterator[Seen]:
    """A setting of Docker cannot be carried over.

    Why: pods or people depend on its effect, and after the migration nothing provides it.

    Remedy: See in the evidence what replaces it, if anything does, and remove the key when nobody needs it.

    Sources: dockerd reference, daemon configuration file; containerd docs/cri/config.md; moby v20.10.24 daemon/config.
    """
    yield from _keys(view, Fate.LOST)


@node_rule("D2C119", "daemon-key-changed", Severity.INFO)
def daemon_key_changed(view: NodeView) -> Iterator[Seen]:
    """A setting of Docker has another effect after the migration.

    Why: the target or the kubelet has a setting of its own for it, with another default or another meaning.

    Remedy: Compare it with the files in the plan, and change the setting of the target where the plan does not:

        docker2cri plan TARGET NODE --out plan.json

    Sources: dockerd reference, daemon configuration file; containerd docs/cri/config.md.
    """
    yield from _keys(view, Fate.CHANGED)


@node_rule("D2C120", "log-rotation-moves", Severity.INFO)
def log_rotation_moves(view: NodeView) -> Iterator[Seen]:
    """The kubelet rotates container logs after the migration, and Docker no longer does.

    Why: `log-opts` of Docker no longer apply; containerLogMaxSize and containerLogMaxFiles of the kubelet do, 10Mi and 5 by default. Sizes
    of Docker are decimal (its 10m is 10M, not 10Mi), and the kubelet keeps at least 2 files. Without log-opts Docker kept everything.

    Remedy: The plan carries max-size and max-file over where the kubelet has no setting of its own. Otherwise set them in the kubelet's
    configuration:

        containerLogMaxSize: 10M
        containerLogMaxFiles: 5

    Sources: Kubernetes v1.20.2 pkg/kubelet/kubelet.go; moby jsonfilelog.go (units.FromHumanSize); containerd issues 4830, 3351.
    """
    if view.docker is None or view.kubelet is None or not view.on_docker:
        return
    size = view.kubelet.setting("container-log-max-size", "containerLogMaxSize", "10Mi")
    files = view.kubelet.setting("container-log-max-files", "containerLogMaxFiles", 5)
    options = view.docker.told("log-opts")
    given = options.value if options and isinstance(options.value, Mapping) else {}
    docker = f"Docker: max-size {_size(given.get('max-size'))}, max-file {given.get('max-file', 1)}"
    if options:
        docker += f" ({options.where})"
    kubelet = f"kubelet: {_said('containerLogMaxSize', size)}, {_said('containerLogMaxFiles', files)}"
    yield Seen("container logs", f"{docker}; {kubelet}")


@node_rule("D2C121", "log-format-changes", Severity.INFO)
def log_format_changes(view: NodeView) -> Iterator[Seen]:
    """Container logs change from the JSON lines of Docker to the text lines of CRI.

    Why: `kubectl logs` reads both, but a log agent with a JSON parser does not: lines arrive unparsed, or the agent collects its own
    errors. Long lines are split into parts, marked P and F. The files are regular files below /var/log/pods, no longer links into Docker's
    data root.

    Remedy: Before the first node, configure the agent with a parser for both formats, and mount /var/log (Fluent Bit 1.8: `multiline.parser
    docker, cri`; Fluentd: fluent-plugin-parser-cri; Filebeat: the `container` input; Promtail: the `cri` stage).

    Sources: KEP-2221; kubernetes pkg/kubelet/kuberuntime/logs; amazon-cloudwatch-container-insights issue 116; loki issue 2180.
    """
    if view.on_docker and view.docker:
        driver = view.docker.told("log-driver")
        now = (view.docker.info or {}).get("LoggingDriver") or (driver.value if driver else "json-file")
        yield Seen("container logs", f"log driver of Docker: {now}; of {view.target.title}: files in CRI format (`TIME stdout F message`)")


@node_rule("D2C126", "own-setting-stays", Severity.WARNING)
def own_setting_stays(view: NodeView) -> Iterator[Seen]:
    """The target has a setting of its own that differs from what Docker does, and the plan leaves it.

    Why: it stands in a file of the target, and only the admin knows whether it is meant: a file that was made of the target's defaults
    has every one of them written out.

    Remedy: Where it is not meant, remove the line from the file that the evidence names, and plan again:

        docker2cri plan TARGET NODE --out plan.json

    Sources: containerd docs/cri/config.md, containerd-config(8) (config default); crio.conf(5).
    """
    given = {one.key for one in view.docker.given} if view.docker else set()
    for stay in view.target.stays(view.facts) if view.on_docker else ():
        if stay.docker_key not in given:  # D2C118 and D2C119 tell the others
            yield Seen(f"{view.target.title} {stay.name}", mask(printable(stay.told)))


@node_rule("D2C161", "registry-certificate-left", Severity.WARNING)
def registry_certificate_left(view: NodeView) -> Iterator[Seen]:
    """A client certificate for a registry has no key, or a key has no certificate.

    Why: a pair has one name, NAME.cert and NAME.key. Docker refuses the registry while a half is missing. The plan carries whole pairs
    over; a target that reads the directory itself refuses the registry as Docker does.

    Remedy: Add the missing half, or remove the other one:

        ls -l /etc/docker/certs.d/*/     # on the node

    Sources: docs.docker.com, Verify repository client with certificates; moby registry/registry.go (ReadCertsDirectory); containerd
    docs/hosts.md (client).
    """
    for registry, path in half_pairs(view.facts) if view.on_docker else ():
        other = path.removesuffix(".cert") + ".key" if path.endswith(".cert") else path.removesuffix(".key") + ".cert"
        yield Seen(f"registry {registry}", f"{path} exists, {other} does not")


@node_rule("D2C162", "pause-image-needs-login", Severity.WARNING)
def pause_image_needs_login(view: NodeView) -> Iterator[Seen]:
    """The pause image is in a registry that this node logs in to.

    Why: the kubelet passes its credentials to the runtime for the images of pods, never for the pause image. It is copied before the
    switch; once it is missing from the target's store, no pod starts on the node.

    Remedy: Allow pulls of the image without a login, or configure the credentials in the target:

        crictl --runtime-endpoint ENDPOINT images     # on the node, after the migration

    Sources: containerd docs/cri/registry.md; cri-o crio.conf(5), pause_image_auth_file; containerd issue 8653; kubeadm issue 2801.
    """
    image = origin_of(view.facts).sandbox_image if view.on_docker else None
    if image is None:
        return
    try:
        domain = image_ref.parse(image).domain
    except FormatError:
        return
    names = {domain, *(("index.docker.io", "registry-1.docker.io") if domain == "docker.io" else ())}
    hits = [login for login in view.facts.logins if _host(login.registry) in names]
    if hits:
        yield Seen(f"image {image}", f"credentials for {domain} are in {', '.join(dict.fromkeys(login.path for login in hits))}")


@node_rule("D2C166", "gpu-node", Severity.INFO)
def gpu_node(view: NodeView) -> Iterator[Seen]:
    """The node has GPUs that pods reach through a runtime of Docker.

    Why: the target needs the same entry, as its default where it is Docker's default. Without it the device plugin finds no GPU and the
    node offers none. The plan carries `runtimes` and `default-runtime` of daemon.json over.

    Remedy: Compare what the node offers before and after the migration; where a GPU is missing, let NVIDIA's tool write the entry:

        kubectl get node NODE -o jsonpath='{.status.allocatable}'
        nvidia-ctk runtime configure --runtime=PROGRAM --set-as-default     # on the node
        systemctl restart UNIT

    Sources: docs.nvidia.com, Container Toolkit; NVIDIA/k8s-device-plugin issues 107, 314, 406.
    """
    if view.docker is None or not view.on_docker:
        return
    offered = (view.node.status.allocatable if view.node else None) or {}
    signs = [f"allocatable {name} {count}" for name, count in sorted(offered.items()) if name.endswith(("/gpu", "/vgpu")) and count != "0"]
    default = (view.docker.info or {}).get("DefaultRuntime")
    if isinstance(default, str) and "nvidia" in default:
        signs.append(f"docker info: DefaultRuntime {default}")
    runtimes = view.facts.daemon_settings.get("runtimes")
    if isinstance(runtimes, Mapping) and (names := [str(name) for name in runtimes if "nvidia" in str(name)]):
        signs.append(f"daemon.json: runtimes {', '.join(names)}")
    if signs:
        yield Seen("GPUs", "; ".join(signs))


def _keys(view: NodeView, verdict: Fate) -> Iterator[Seen]:
    if view.docker is None or not view.on_docker:
        return
    stays = view.target.stays(view.facts)
    for given in view.docker.given:
        key = daemon_keys.decided(given, view.target, view.facts, stays)
        if key is None:
            continue
        here = f"{given.where}: {given.key} = {daemon_keys.shown(given, view.target)}"
        if key.verdict is verdict:
            yield Seen(given.key, f"{here}: {key.text}")
        elif verdict is Fate.LOST:
            yield from (Seen(given.key, f"{here}: {text}") for text in daemon_keys.left_behind(given.key, given.value, view.target))


def _said(name: str, setting: Setting) -> str:
    return f"{name} {setting.value} ({setting.place or 'default'})"


def _size(value: object) -> str:
    if value is None:
        return "unlimited"
    try:
        return f"{value} = {quantity.as_quantity(quantity.docker_size(str(value)))}"
    except FormatError:
        return f"{value} (no size that Docker reads)"


def _host(registry: str) -> str:
    """The host[:port] of a key in a credential file (`https://index.docker.io/v1/`)."""
    return registry.removeprefix("https://").removeprefix("http://").partition("/")[0]
