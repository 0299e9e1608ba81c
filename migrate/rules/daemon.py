"""D2C117 to D2C121 and D2C160 to D2C162, D2C166: how dockerd is configured, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.facts.daemon import twice
from migrate.facts.model import Setting
from migrate.formats import FormatError, image_ref, quantity
from migrate.rules import NodeView, Seen, Severity, daemon_keys, node_rule
from migrate.rules.daemon_keys import Verdict
from migrate.targets.host import sandbox_image
from migrate.targets.registries import half_pairs

# Key of daemon.json -> what `docker info` calls the value in force.
IN_FORCE = {"data-root": "DockerRootDir", "log-driver": "LoggingDriver", "storage-driver": "Driver", "default-runtime": "DefaultRuntime"}

# What `docker info` calls a proxy in force -> the names that it may be given by.
IN_INFO = {
    "HttpProxy": {"HTTP_PROXY", "http_proxy", "http-proxy"},
    "HttpsProxy": {"HTTPS_PROXY", "https_proxy", "https-proxy"},
}


@node_rule("D2C117", "docker-config-drifted", Severity.WARNING)
def docker_config_drifted(view: NodeView) -> Iterator[Seen]:
    """Docker's configuration was changed and Docker has not been restarted since.

    Why: a rollback starts Docker anew and so brings the waiting change into force. With another cgroup driver or data root the node
    would not come back as it was; with a key that daemon.json and a flag both give, Docker would not start at all.

    Remedy: Bring the change into force before the migration, or take it back:

        kubectl drain NODE --ignore-daemonsets
        systemctl restart docker     # on the node
        kubectl uncordon NODE

    Sources: docker2cri docs/design, section 7 (the way back); dockerd reference, configuration reloading; moby v20.10.24
    daemon/config/config.go (findConfigurationConflicts).
    """
    if view.docker is None or view.docker.info is None:
        return
    for file, flag in twice(view.docker.given):
        yield Seen(file.key, f"{file.where} and {flag.where} both give it: Docker runs on, and would not start again")
    wanted = {key: one for key in IN_FORCE if (one := view.docker.told(key))}
    for key, one in wanted.items():
        runs = view.docker.info.get(IN_FORCE[key])
        if isinstance(runs, str) and runs and isinstance(one.value, str) and one.value.rstrip("/") != runs.rstrip("/"):
            yield Seen(key, f"{one.where} says {daemon_keys.shown(one)}, docker info says {runs}")
    driver = configured_cgroup_driver(view)
    if driver and view.docker.cgroup_driver and driver[0] != view.docker.cgroup_driver:
        yield Seen("native.cgroupdriver", f"{driver[1]} says {driver[0]}, docker info says {view.docker.cgroup_driver}")


@node_rule("D2C118", "daemon-key-lost", Severity.WARNING)
def daemon_key_lost(view: NodeView) -> Iterator[Seen]:
    """A setting of Docker cannot be carried over.

    Why: pods, or people, rely on what it did, and after the migration nothing does it.

    Remedy: Read the evidence: it names what takes its place, if anything does. Remove the key first if nobody needs it.

    Sources: dockerd reference, daemon configuration file; containerd docs/cri/config.md; moby v20.10.24 daemon/config.
    """
    yield from _keys(view, Verdict.LOST)


@node_rule("D2C119", "daemon-key-changed", Severity.INFO)
def daemon_key_changed(view: NodeView) -> Iterator[Seen]:
    """A setting of Docker works differently afterwards.

    Why: the new runtime, or the kubelet, has a setting of its own for it, with another default or another meaning.

    Remedy: Compare with the files in the plan, and set the new one where the plan does not:

        docker2cri plan --to containerd NODE

    Sources: dockerd reference, daemon configuration file; containerd docs/cri/config.md.
    """
    yield from _keys(view, Verdict.CHANGED)


@node_rule("D2C120", "log-rotation-moves", Severity.INFO)
def log_rotation_moves(view: NodeView) -> Iterator[Seen]:
    """Container logs are rotated by the kubelet afterwards, not by Docker.

    Why: `log-opts` of Docker no longer apply; containerLogMaxSize and containerLogMaxFiles of the kubelet do, 10Mi and 5 by
    default. Docker's sizes are decimal (10m is 10M there, not 10Mi), and the kubelet keeps at least 2 files. Without log-opts
    Docker kept everything.

    Remedy: The plan carries max-size and max-file over where the kubelet has no setting of its own. Otherwise set them:

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
    """Container logs change from Docker's JSON lines to CRI's text lines.

    Why: `kubectl logs` reads both, a log agent with a JSON parser does not: lines arrive unparsed, or an agent feeds on its own
    errors. Long lines come in parts, marked P and F. The files are real ones below /var/log/pods, no longer links into Docker's
    data root.

    Remedy: Before the first node, give the agent a parser that knows both, and let it mount /var/log (Fluent Bit 1.8:
    `multiline.parser docker, cri`; Fluentd: fluent-plugin-parser-cri; Filebeat: the `container` input; promtail: the `cri` stage).

    Sources: KEP-2221; kubernetes pkg/kubelet/kuberuntime/logs; amazon-cloudwatch-container-insights issue 116; loki issue 2180.
    """
    if view.on_docker and view.docker:
        driver = view.docker.told("log-driver")
        now = (view.docker.info or {}).get("LoggingDriver") or (driver.value if driver else "json-file")
        yield Seen("container logs", f"log driver now: {now}; then: files in CRI format (`TIME stdout F message`)")


@node_rule("D2C160", "proxy-left-behind", Severity.WARNING)
def proxy_left_behind(view: NodeView) -> Iterator[Seen]:
    """Docker pulls through a proxy that the plan does not carry over.

    Why: the new runtime inherits nothing of Docker's environment. The plan carries proxies from unit files of docker.service and
    their environment files, from `proxies` in daemon.json and from dockerd's flags; what reaches dockerd in another way is left
    (the manager's own environment, a wrapper script): pulls then time out.

    Remedy: Give the new runtime the same variables, NO_PROXY with the cluster's addresses included:

        systemctl show -p Environment -p EnvironmentFiles docker.service     # on the node
        systemctl edit containerd.service     # [Service] Environment="HTTPS_PROXY=..." "NO_PROXY=..."

    Sources: dockerd reference, proxy configuration; metalk8s issue 2071; kubernetes/website issue 33770.
    """
    if view.docker is None or not view.on_docker:
        return
    remedy = proxy_left_behind.remedy.replace("containerd.service", view.target.unit)
    proxies = view.facts.daemon_settings.get("proxies")
    told = {name for name, _ in view.docker.environment} | set(proxies if isinstance(proxies, Mapping) else ())
    for field, names in IN_INFO.items():
        if (view.docker.info or {}).get(field) and not told & names:
            yield Seen(min(names), f"docker info: {field} is set, and neither a unit's files nor daemon.json nor a flag sets it", remedy)


@node_rule("D2C161", "registry-certificate-left", Severity.WARNING)
def registry_certificate_left(view: NodeView) -> Iterator[Seen]:
    """A client certificate for a registry lies without its key, or a key without its certificate.

    Why: a pair has one name, NAME.cert and NAME.key. Docker refuses the registry as long as a half is missing; the plan carries whole
    pairs to containerd's hosts.toml and leaves the half. CRI-O reads the folder by itself, and refuses as Docker does.

    Remedy: Bring the missing half, or take the other away:

        ls -l /etc/docker/certs.d/*/     # on the node

    Sources: docs.docker.com, Verify repository client with certificates; moby registry/registry.go (ReadCertsDirectory); containerd
    docs/hosts.md (client).
    """
    for registry, path in half_pairs(view.facts) if view.on_docker else ():
        other = path.removesuffix(".cert") + ".key" if path.endswith(".cert") else path.removesuffix(".key") + ".cert"
        yield Seen(f"registry {registry}", f"{path} is there, {other} is not")


@node_rule("D2C162", "pause-image-needs-login", Severity.WARNING)
def pause_image_needs_login(view: NodeView) -> Iterator[Seen]:
    """The pause image comes from a registry that this node logs in to.

    Why: the kubelet hands its credentials to the runtime for the images of pods, never for the pause image. It is copied over before
    the switch; once it is gone from the new store, no pod starts here.

    Remedy: Let the registry give it without a login, or give containerd the credentials:

        ctr -n k8s.io images ls | grep pause     # on the node, after the migration
        containerd config dump | grep -A 3 registry     # plugins."io.containerd.grpc.v1.cri".registry.configs."HOST".auth

    Sources: containerd docs/cri/registry.md; containerd issue 8653; kubeadm issue 2801.
    """
    image = sandbox_image(view.facts) if view.on_docker else None
    if image is None:
        return
    try:
        domain = image_ref.parse(image).domain
    except FormatError:
        return
    names = {domain, *(("index.docker.io", "registry-1.docker.io") if domain == "docker.io" else ())}
    hits = [one for one in view.facts.logins if _host(one.registry) in names]
    if hits:
        crio = "Let the registry give it without a login, or set pause_image_auth_file in CRI-O:\n\n    crio config | grep pause"
        remedy = crio if daemon_keys.on_crio(view.target) else None
        yield Seen(f"image {image}", f"credentials for {domain} are in {', '.join(dict.fromkeys(one.path for one in hits))}", remedy)


@node_rule("D2C166", "gpu-node", Severity.INFO)
def gpu_node(view: NodeView) -> Iterator[Seen]:
    """The node has GPUs that pods reach through a runtime of Docker.

    Why: the new runtime needs the same entry, as its default where Docker has it so. Without it the device plugin finds no GPU and
    the node offers none. The plan carries `runtimes` and `default-runtime` of daemon.json.

    Remedy: Compare what the node offers before and after; where it is less, let NVIDIA's tool write the entry:

        kubectl get node NODE -o jsonpath='{.status.allocatable}'
        nvidia-ctk runtime configure --runtime=containerd --set-as-default     # on the node; --runtime=crio for CRI-O

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


def configured_cgroup_driver(view: NodeView) -> tuple[str, str] | None:
    """The cgroup driver that Docker is told to use, and where; None when nothing says it."""
    one = view.docker.told("exec-opts") if view.docker else None
    if one is None:
        return None
    options = one.value if isinstance(one.value, list) else [one.value]
    values = [str(option).partition("=")[2] for option in options if str(option).startswith("native.cgroupdriver=")]
    return (values[-1], one.where) if values else None


def _keys(view: NodeView, verdict: Verdict) -> Iterator[Seen]:
    for one in view.docker.given if view.docker and view.on_docker else ():
        key = daemon_keys.decided(one, view.target)
        if key is None:
            continue
        here = f"{one.where}: {one.key} = {daemon_keys.shown(one)}"
        if key.verdict is verdict:
            yield Seen(one.key, f"{here}: {key.text}")
        elif verdict is Verdict.LOST:
            yield from (Seen(one.key, f"{here}: {text}") for text in daemon_keys.left_behind(one.key, one.value, view.target))


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
