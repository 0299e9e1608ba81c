"""D2C907 to D2C911: what Docker left of its own: data, packages, rules of iptables."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import Unreadable
from migrate.facts.remains import Leftover, Remains
from migrate.facts.transaction import Transaction
from migrate.formats.listing import few, plural
from migrate.formats.quantity import size
from migrate.rules import NodeView, Seen, Severity
from migrate.rules.cleanup_rule import cleanup_rule

# No folder that a distribution makes may be taken for a data root of Docker's own
SHARED_ROOTS = frozenset(
    "/ /bin /boot /data /dev /etc /home /lib /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var /var/lib".split()
)


@cleanup_rule("D2C907", "docker-volume-holds-data", Severity.BLOCKER, acceptable=True)
def docker_volume_holds_data(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """Volumes of Docker hold data.

    Why: they are what people gave Docker to keep. They are removed with Docker's data root, and nothing brings them back.

    Remedy: Copy what is needed, or accept that it is lost:

        ls -l /var/lib/docker/volumes     # on the node
        docker2cri cleanup NODE --accept D2C907="copied to the backup server" --out plan.json

    Sources: docs.docker.com, Volumes.
    """
    for volume in remains.root.volumes if remains.root else ():
        yield Seen(f"volume {volume.name}", sized(volume))


@cleanup_rule("D2C908", "data-root-not-removable", Severity.BLOCKER)
def data_root_not_removable(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """Docker's data root is a folder that others use, or something is mounted in it.

    Why: what is mounted there is in use or belongs elsewhere, and a removal would go through the mount.

    Remedy: Unmount what is there, or move what is not Docker's; then plan again:

        findmnt -R /var/lib/docker     # on the node
        docker2cri cleanup NODE --out plan.json

    Sources: moby daemon/graphdriver; mount(8).
    """
    if (root := remains.root) is None:
        return
    if root.path.rstrip("/") in SHARED_ROOTS or not root.path.startswith("/") or ".." in root.path.split("/"):
        yield Seen(root.path, "it is no folder of Docker's own")
    below = [mount for mount in root.mounts if mount != root.path]
    if below:
        yield Seen(root.path, f"{plural(len(below), 'mount point')} in it: {few(below)}")


@cleanup_rule("D2C909", "data-root-holds-more", Severity.WARNING)
def data_root_holds_more(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """Docker's data root is a mount point, or holds what Docker did not make.

    Why: only what Docker makes there is removed. The file system, its line in /etc/fstab and all other files stay.

    Remedy: Nothing for the removal; look whether what stays is still needed:

        ls -la /var/lib/docker; findmnt /var/lib/docker     # on the node

    Sources: moby daemon/ (v1.13 to v29), what dockerd makes in its data root.
    """
    if (root := remains.root) is None:
        return
    if root.path in root.mounts:
        yield Seen(root.path, "it is a mount point, which stays")
    if root.others:
        yield Seen(root.path, f"{few(sized(entry, named=True) for entry in root.others)} stay")


@cleanup_rule("D2C910", "docker-packages-not-removable", Severity.BLOCKER)
def docker_packages_not_removable(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """The package manager cannot remove Docker's packages alone.

    Why: another package depends on them, one is held, or the manager cannot say. Nothing is removed that was not planned: the target and
    the kubelet may need it.

    Remedy: Look what the package manager would do, and remove or release by hand what stands in the way:

        apt-get -s remove docker-ce docker.io || dnf --assumeno remove docker-ce     # on the node
        docker2cri cleanup NODE --out plan.json

    Sources: apt-get(8), dnf(8), zypper(8).
    """
    planned = {package.name: package.version for package in remains.packages}
    if not planned:
        return
    match remains.removal:
        case None:
            yield Seen("packages", f"no package manager was asked about {few(planned)}")
        case Unreadable() as wrong:
            yield Seen("packages", f"what the removal of {few(planned)} would change cannot be read: {wrong.reason}")
        case Transaction() as answer:
            yield from _unplanned(answer, planned)


def _unplanned(answer: Transaction, planned: dict[str, str]) -> Iterator[Seen]:
    if answer.problem:
        yield Seen(answer.manager, f"it cannot remove {few(planned)}: {answer.problem}")
        return
    if answer.held:
        yield Seen(answer.manager, f"{few(answer.held)} held")
    if more := [name for name in answer.removed if name not in planned]:
        yield Seen(answer.manager, f"it would remove {few(more)} too")
    if changed := [change.name for change in answer.changes if change.after is not None]:
        yield Seen(answer.manager, f"it would change {few(changed)}")
    if left := [name for name in planned if name not in answer.removed]:
        yield Seen(answer.manager, f"it would not remove {few(left)}")


@cleanup_rule("D2C911", "firewall-rules-stay", Severity.WARNING)
def firewall_rules_stay(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """Rules of iptables that lean on Docker's chains stay, or a policy that may be Docker's.

    Why: only what Docker itself made is removed. A chain with the admin's own rules stays with the rule that leads to it, and a FORWARD
    policy of DROP is set to ACCEPT only where nothing but Docker can have set it.

    Remedy: Look whether they are still wanted:

        iptables-save | grep -E 'DOCKER|docker0|^:FORWARD'     # on the node

    Sources: moby libnetwork/drivers/bridge/setup_ip_forwarding.go and setup_ip_tables.go; docs.docker.com, Packet filtering and firewalls.
    """
    yield from (Seen(what, f"it stays: {why}") for what, why in remains.chains.kept)
    if remains.chains.policy and (doubt := policy_doubt(view, remains)):
        yield Seen("policy of FORWARD", f"it is DROP and stays so: {doubt}")


def policy_doubt(view: NodeView, remains: Remains) -> str:
    """Why something other than Docker may have set the FORWARD policy to DROP; empty where only Docker can have.

    dockerd sets it where it turns ip_forward on by itself (moby libnetwork/drivers/bridge/setup_ip_forwarding.go).
    """
    if remains.firewall:
        return f"{few(remains.firewall)} may have set it"
    keys = {given.key: given.value for given in view.docker.given} if view.docker else {}
    off = [key for key in ("iptables", "ip-forward") if keys.get(key) in (False, "false")]
    off += [key for key in ("ip-forward-no-drop",) if keys.get(key) in (True, "true")]
    return f"Docker was told {few(off)}" if off else ""


def sized(entry: Leftover, *, named: bool = False) -> str:
    """Its size for people, where it is known."""
    told = size(entry.size) if entry.size is not None else "of unknown size"
    return f"{entry.name} ({told})" if named else told
