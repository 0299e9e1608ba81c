"""Everything that is built: Kubernetes, the node image, and the images that run on the nodes."""

import hashlib
import lzma
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from .cache import built, recipe
from .shell import attempt, run
from .spec import AGNHOST, BUSYBOX, CACHE, ETCD, HERE, KUBERNETES, LABEL, PAUSE, PORTAL

SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
ON_NODES = ("kubelet", "kubeadm", "kubectl")
COMMANDS = (*ON_NODES, *SERVERS, "kube-proxy", "./test/images/agnhost")
KUBE_PATH = "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MIRROR = "http://deb.debian.org/debian"
NODE_PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,sudo,docker.io,containerd,runc,iptables,containernetworking-plugins,jq,iproute2,procps,"
    "conntrack,ethtool,socat,ebtables,kmod,ca-certificates,skopeo,conmon,less"
)
DEBS = ("etcd-server", "docker-registry")
# what only the labs whose control planes are moved need: a load balancer, and etcdctl, which kubeadm's image of etcd has too
SHARED_DEBS = ("etcd-client", "haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")
REGISTRY_CONFIG = """\
version: 0.1
log: {level: warn}
storage:
  filesystem: {rootdirectory: /var/lib/docker-registry}
  delete: {enabled: true}
http: {addr: ":5000"}
"""


def kubernetes() -> Path:
    """The folder of the Kubernetes binaries, static, built from the Go module (about 6 minutes on two cores)."""
    script = HERE / "build-kubernetes.sh"

    def make(draft: Path) -> None:
        run("bash", script, KUBERNETES, draft, *COMMANDS, timeout=3600)
        shutil.rmtree(draft / f".build-{KUBERNETES}")

    return built(f"kubernetes-{KUBERNETES}", recipe(script, *COMMANDS), make)


def root() -> Path:
    """The folder that holds `root.tar`, a minimal Debian bookworm with what a node of 2022 had (about a minute)."""

    def make(draft: Path) -> None:
        tree = draft / "tree"
        run("debootstrap", "--variant=minbase", f"--include={NODE_PACKAGES}", "bookworm", tree, MIRROR, timeout=1800)
        run("chroot", tree, "apt-get", "clean")
        (tree / "opt/cni").mkdir(parents=True)
        run("cp", "-al", tree / "usr/lib/cni", tree / "opt/cni/bin")
        run("tar", "-C", tree, "--xattrs", "-cf", draft / "root.tar", ".")
        shutil.rmtree(tree)

    return built("root", recipe(NODE_PACKAGES, "opt/cni"), make)


def crictl() -> Path | None:
    """A crictl to lay onto a node, when `build-crictl.sh` was run: neither Debian nor the Kubernetes module has it."""
    place = CACHE / "tools" / "crictl"
    return place if place.exists() else None


def debs() -> Path:
    """The folder with a tree per Debian package that the lab takes a binary from without installing it."""
    return built("debs", recipe(*DEBS), lambda draft: _unpack(draft, DEBS))


def _unpack(draft: Path, packages: Sequence[str]) -> None:
    run("apt-get", "update", "-qq")
    for package in packages:
        work = draft / "download"
        work.mkdir(parents=True)
        run("sh", "-c", 'cd "$1" && apt-get download -q "$2"', "sh", work, package)
        run("dpkg", "-x", *work.glob("*.deb"), draft / package)
        shutil.rmtree(work)


def newer_docker(release: str = "trixie") -> Path:
    """The folder with the tree of docker.io of a later Debian; its daemon runs here, beside this Debian's containerd and runc."""

    def make(draft: Path) -> None:
        index = draft / "Packages.xz"
        run("curl", "-sSf", "--max-time", "300", "-o", index, f"{MIRROR}/dists/{release}/main/binary-amd64/Packages.xz")
        stanzas = lzma.decompress(index.read_bytes()).decode().split("\n\n")
        (stanza,) = (one for one in stanzas if one.startswith("Package: docker.io\n"))
        fields = dict(re.findall(r"^(Filename|SHA256): (\S+)$", stanza, re.MULTILINE))
        deb = draft / "docker.deb"
        run("curl", "-sSf", "--max-time", "600", "-o", deb, f"{MIRROR}/{fields['Filename']}")
        assert hashlib.sha256(deb.read_bytes()).hexdigest() == fields["SHA256"], f"{fields['Filename']}: another sum than the index has"
        run("dpkg", "-x", deb, draft / "docker.io")
        index.unlink()
        deb.unlink()

    return built(f"docker-{release}", recipe(release), make) / "docker.io"


def node_image() -> str:
    """The tag of the node image, made in Docker's store from `root`, the binaries and node/image/."""
    binaries, base, files = kubernetes(), root(), HERE / "node" / "image"
    tag = f"{LABEL}/node:{recipe(files, base.name, binaries.name)}"
    if attempt("docker", "image", "inspect", tag)[0] == 0:
        return tag
    base_tag = f"{LABEL}/{base.name}"
    if attempt("docker", "image", "inspect", base_tag)[0] != 0:
        with (base / "root.tar").open("rb") as tar:
            run("docker", "import", "-", base_tag, stdin=tar)
    work = f"{LABEL}-build"
    attempt("docker", "rm", "-f", work)
    run("docker", "create", "--name", work, "--label", LABEL, "--network", "none", base_tag, "/setup.sh")
    _lay(work, files, "/")
    for name in ON_NODES:
        run("docker", "cp", binaries / name, f"{work}:/usr/bin/{name}")
    run("docker", "start", "-a", work)
    volumes = ", ".join(f'"/var/lib/{name}"' for name in ("docker", "containerd", "containers", "kubelet", "etcd"))
    changes = ('CMD ["/entrypoint"]', f"VOLUME [{volumes}]", "ENV container=docker", f"LABEL {LABEL}=node")
    run("docker", "commit", *[word for change in changes for word in ("--change", change)], work, tag)
    run("docker", "rm", "-f", work)
    for older in run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"{LABEL}/node").split():
        if older != tag:
            attempt("docker", "rmi", older)  # refused while a node made from it is there
    return tag


def _lay(container: str, files: Path, where: str) -> None:
    """Copy a tree of the checkout into a container, owned by root whoever owns the checkout."""
    tar = CACHE / "lay.tar"
    run("tar", "-C", files, "--owner=0", "--group=0", "-cf", tar, ".")
    with tar.open("rb") as stream:
        run("docker", "cp", "-", f"{container}:{where}", stdin=stream)
    tar.unlink()


def workload_images() -> Path:
    """The folder with `control.tar` and `worker.tar`: docker-save archives of what a node of that kind runs, and `registry.tar`."""
    binaries, packages, base = kubernetes(), debs(), root()
    pause = HERE / "pause.c"

    def make(draft: Path) -> None:
        tree = draft / "tree"
        control = [_kube_image(tree, binaries, name) for name in SERVERS]
        control.append(_binary(tree, packages / "etcd-server/usr/bin/etcd", f"k8s.gcr.io/etcd:{ETCD}"))
        worker = [_proxy_image(tree, base, binaries), _pause_image(tree, pause), _busybox_image(tree)]
        worker += [_agnhost_image(tree, binaries, tag) for tag in (AGNHOST, PORTAL)]
        registry = _binary(tree, packages / "docker-registry/usr/bin/docker-registry", f"{LABEL}/registry", {"config.yml": REGISTRY_CONFIG})
        run("docker", "save", "-o", draft / "control.tar", *control, *worker)
        run("docker", "save", "-o", draft / "worker.tar", *[image for image in worker if image != PORTAL])
        run("docker", "save", "-o", draft / "registry.tar", registry)
        run("docker", "rmi", *control, *worker, registry)

    return built("images", recipe("1", pause, binaries.name, packages.name, base.name), make)


def shared_images() -> Path:
    """The folder with the archives that a lab whose control planes are moved has besides: `balancer.tar`, and `etcd.tar` with etcdctl."""
    packages, base = debs(), root()

    def make(draft: Path) -> None:
        _unpack(draft / "debs", SHARED_DEBS)
        tree, own = draft / "tree", draft / "debs"
        _put(tree, own / "etcd-client/usr/bin/etcdctl", "usr/local/bin/etcdctl")
        _libraries(tree, run("ldd", own / "etcd-client/usr/bin/etcdctl"), Path("/"))
        etcd = _binary(tree, packages / "etcd-server/usr/bin/etcd", f"k8s.gcr.io/etcd:{ETCD}")
        system = _unpacked(tree, base)
        for package in SHARED_DEBS:
            run("cp", "-a", f"{own / package / 'usr'}/.", system / "usr")
        _put(tree, system / "usr/sbin/haproxy", "usr/sbin/haproxy")
        _libraries(tree, run("chroot", system, "ldd", "/usr/sbin/haproxy"), system)
        shutil.rmtree(system)
        balancer = _import(tree, f"{LABEL}/balancer", 'ENTRYPOINT ["/usr/sbin/haproxy"]')
        run("docker", "save", "-o", draft / "etcd.tar", etcd)
        run("docker", "save", "-o", draft / "balancer.tar", balancer)
        run("docker", "rmi", etcd, balancer)
        shutil.rmtree(own)

    return built("shared", recipe("1", *SHARED_DEBS, packages.name, base.name), make)


def _import(tree: Path, tag: str, *changes: str) -> str:
    """Make an image of one layer from `tree`, then empty it for the next one."""
    tar = tree.with_suffix(".tar")
    run("tar", "-C", tree, "--owner=0", "--group=0", "-cf", tar, ".")
    with tar.open("rb") as stream:
        run("docker", "import", *[word for change in changes for word in ("--change", change)], "-", tag, stdin=stream)
    tar.unlink()
    shutil.rmtree(tree)
    return tag


def _put(tree: Path, source: Path, where: str) -> None:
    (tree / where).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, tree / where)


def _libraries(tree: Path, listing: str, origin: Path) -> None:
    """Copy the libraries that an ldd listing names from the system at `origin`."""
    for library in re.findall(r"(/\S+) \(0x", listing):
        _put(tree, (origin / library.lstrip("/")).resolve(), library.lstrip("/"))


def _kube_image(tree: Path, binaries: Path, name: str) -> str:
    _put(tree, binaries / name, f"usr/local/bin/{name}")
    return _import(tree, f"k8s.gcr.io/{name}:v{KUBERNETES}", f'ENTRYPOINT ["/usr/local/bin/{name}"]', KUBE_PATH)


def _binary(tree: Path, binary: Path, tag: str, texts: dict[str, str] | None = None) -> str:
    _put(tree, binary, f"usr/local/bin/{binary.name}")
    _libraries(tree, run("ldd", binary), Path("/"))
    for name, text in (texts or {}).items():
        (tree / name).write_text(text)
    return _import(tree, tag, f'ENTRYPOINT ["/usr/local/bin/{binary.name}"]', "ENV PATH=/usr/local/bin:/usr/bin:/bin")


def _proxy_image(tree: Path, base: Path, binaries: Path) -> str:
    """kube-proxy wants iptables (the variant the node uses, with its extensions), conntrack and a shell."""
    system = _unpacked(tree, base)
    tools = ("usr/sbin/xtables-nft-multi", "usr/sbin/conntrack")
    for tool in tools:
        _put(tree, system / tool, tool)
    extensions = "usr/lib/x86_64-linux-gnu/xtables"
    shutil.copytree(system / extensions, tree / extensions)
    modules = [file.relative_to(system) for file in sorted((system / extensions).glob("*.so"))]
    _libraries(tree, run("chroot", system, "ldd", *[f"/{name}" for name in (*tools, *modules)]), system)
    for link in ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"):
        (tree / "usr/sbin" / link).symlink_to("xtables-nft-multi")
    shutil.rmtree(system)
    _applets(tree)
    return _kube_image(tree, binaries, "kube-proxy")


def _unpacked(tree: Path, base: Path) -> Path:
    """The node's system, beside `tree`."""
    system = tree.with_name("system")
    system.mkdir()
    with (base / "root.tar").open("rb") as tar:
        run("tar", "-C", system, "-xf", "-", stdin=tar)
    return system


def _applets(tree: Path) -> None:
    _put(tree, Path("/bin/busybox"), "bin/busybox")
    for applet in run("/bin/busybox", "--list").split():
        if applet != "busybox":
            (tree / "bin" / applet).symlink_to("busybox")


def _busybox_image(tree: Path) -> str:
    _applets(tree)
    return _import(tree, BUSYBOX, 'CMD ["sh"]', "ENV PATH=/bin")


def _pause_image(tree: Path, source: Path) -> str:
    tree.mkdir(parents=True)
    run("gcc", "-Os", "-static", "-o", tree / "pause", source)
    return _import(tree, PAUSE, 'ENTRYPOINT ["/pause"]')


def _agnhost_image(tree: Path, binaries: Path, tag: str) -> str:
    _applets(tree)
    _put(tree, binaries / "agnhost", "agnhost")
    return _import(tree, tag, 'ENTRYPOINT ["/agnhost"]', 'CMD ["pause"]', "ENV PATH=/bin", f"LABEL image={tag}")
