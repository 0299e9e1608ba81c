"""The closed union of step kinds: everything that a plan can do to a node, each with its reverse, in one table (`kind_of`).

A step is performed on apply, and on rollback its reverse is, where it has one; a step that is planned `on` rollback is performed then only
(docs/design/plan.md). Steps act on the node, as lines of the node program, or through the API; the node's own guard is disarmed there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from migrate.facts.remains import Chain, ChainRule, Leftover, LeftPackage
from migrate.formats.listing import few, plural
from migrate.formats.quantity import size as size
from migrate.limits import DEFAULT
from migrate.targets.bundle import BundleFile

Direction: TypeAlias = Literal["apply", "rollback"]
HOST, API = "host", "api"
# What is checked of a smoke pod, in this order: it runs, its log can be read, an exec reaches the runtime, its cgroup lies where the
# kubelet's driver has it, it ends
SMOKE_CHECKS = RUNS, LOGS, EXEC, CGROUP, ENDS = "runs", "logs", "exec", "cgroup", "ends"


class _Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True):
    """`why` is told to the reader beside the step; `on` is the direction in which it is performed."""

    why: str
    on: Direction = "apply"


class FileState(msgspec.Struct, frozen=True, kw_only=True):
    """A file at one moment: SHA-256 of its bytes, octal mode, `user:group`, and its size in bytes."""

    sha256: str
    mode: str
    owner: str
    size: int


class UnitState(msgspec.Struct, frozen=True, kw_only=True):
    """A unit at one moment: what `systemctl is-enabled` says (`enabled`, `disabled`, `static` ...) and whether it is active."""

    enabled: str
    active: bool


class StandaloneContainer(msgspec.Struct, frozen=True, kw_only=True):
    """A container that no kubelet made: full ID, name, and its own stop timeout in seconds."""

    id: str
    name: str
    timeout: int


class CarriedImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image to carry over: the reference as the source knows it, its config digest, its size in bytes, and why it is carried."""

    reference: str
    id: str
    size: int
    why: str


class DrainPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How pods leave, in kubectl's words; `timeout` is in seconds, 0 for ever.

    `leave_returning`: pods that their owner would put back here stay for the switch, as those of DaemonSets do.
    """

    ignore_daemonsets: bool = True
    delete_emptydir_data: bool = False
    force: bool = False
    leave_returning: bool = False
    timeout: int = 600


class InstalledPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package that is installed or upgraded: its full version before (None: it is not there) and after."""

    name: str
    before: str | None
    after: str


class BundleSource(msgspec.Struct, frozen=True, kw_only=True):
    """A static tarball on the operator's machine, its SHA-256 and size in bytes, and every file that the node gets of it."""

    path: str
    sha256: str
    size: int
    files: tuple[BundleFile, ...]


# On the node


class InstallRuntime(_Step, frozen=True, kw_only=True):
    """Install what is missing: exactly these packages by `manager`, or the files of a bundle.

    Nothing is started or restarted by it, and nothing lands in `cni_dir`; `programs` must answer afterwards. `unit` is the new runtime's.
    A rollback leaves what was installed, stopped and disabled.
    """

    title: str
    unit: str
    cni_dir: str
    programs: tuple[str, ...]
    manager: str = ""
    packages: tuple[InstalledPackage, ...] = ()
    bundle: BundleSource | None = None


class WriteFile(_Step, frozen=True, kw_only=True):
    """Put a file: `before` None makes it, `after` None removes it.

    `diff` is unified and masked; at apply the text is computed again from the node's own bytes and must hash as planned. `base` is the
    file that the text starts from when there is none at `path`; `edits` name what was changed.
    """

    path: str
    before: FileState | None
    after: FileState | None
    edits: tuple[str, ...]
    diff: str
    base: str | None = None


class SetUnit(_Step, frozen=True, kw_only=True):
    """Enable and start the new runtime's unit; a rollback brings it to the state that it had."""

    unit: str
    before: UnitState
    after: UnitState


class CarryImage(_Step, frozen=True, kw_only=True):
    """Copy an image from the source's store to the target's, where it gets `name`, and verify it there."""

    image: CarriedImage
    name: str


class PullImage(_Step, frozen=True, kw_only=True):
    """Pull an image that is named by its digest through the new runtime (`title`): a copy from the source would have another digest."""

    title: str
    name: str


class PinImages(_Step, frozen=True, kw_only=True):
    """Keep the images of these names from the kubelet's garbage collection; the reverse takes back what was not so before.

    `file` is the drop-in by which the target (`title`) is told, empty where each image gets a label.
    """

    title: str
    names: tuple[str, ...]
    file: str = ""


class PlannedValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value that must be found in what the runtime makes of its files: the key from the top, and the value."""

    key: tuple[str, ...]
    value: bool | int | str | tuple[str, ...]


class ValidateFiles(_Step, frozen=True, kw_only=True):
    """Have planned files read by those who will read them: the runtime its `config` (empty: it stays as it is) with the `files` that it
    imports, systemd the unit files. Each of the `values` is looked for in what the runtime makes of them.
    """

    config: str
    files: tuple[str, ...] = ()
    values: tuple[PlannedValue, ...] = ()
    readers: tuple[str, ...]


class ArmGuard(_Step, frozen=True, kw_only=True):
    """Arm what rolls the node back by itself: a timer that fires `seconds` after the operator's last heartbeat, a boot unit, the gate."""

    seconds: int


class StageFiles(_Step, frozen=True, kw_only=True):
    """Lay the new files beside the old ones; nothing runs in the source that the plan does not know."""


class KernelSettings(_Step, frozen=True, kw_only=True):
    """Check, and set where they are not, the modules and sysctls that the source provided."""


class StopKubelet(_Step, frozen=True, kw_only=True):
    """Close the gate and stop the kubelet; the reverse opens it and starts the kubelet."""

    unit: str


class StopPods(_Step, frozen=True, kw_only=True):
    """Stop the containers that the kubelet made in the source (`title`), application containers before sandboxes.

    One that has not ended after `timeout` seconds, its grace period being longer, fails the step; with `kill` it is killed.
    """

    title: str
    timeout: int = DEFAULT.stop
    kill: bool = False


class WaitForPods(_Step, frozen=True, kw_only=True):
    """Wait until the node's pods run in the source (`title`) again."""

    title: str
    timeout: int


class ReleaseAddresses(_Step, frozen=True, kw_only=True):
    """Free the host-local leases, libcni cache files and nat rules of the sandboxes that were stopped in the `source` or the `target`."""

    sandboxes: Literal["source", "target"]
    networks: tuple[str, ...]


class StopStandalone(_Step, frozen=True, kw_only=True):
    """Stop exactly these containers, `timeout` and `kill` as those of StopPods; the reverse starts those that ran."""

    containers: tuple[StandaloneContainer, ...]
    timeout: int = DEFAULT.stop
    kill: bool = False


class StopSource(_Step, frozen=True, kw_only=True):
    """Stop the source's units and keep them from starting (a touch of docker.socket wakes a merely stopped Docker).

    The reverse lets them start, starts them, and waits until the source (`title`) answers with the cgroup driver that it had.
    """

    title: str
    units: tuple[str, ...]


class KeepSource(_Step, frozen=True, kw_only=True):
    """See that no pod runs in the source (`title`) any more, whose `units` keep running for its other users.

    The reverse waits until it answers with the cgroup driver that it had; a unit that does not run any more is started as it was found.
    """

    title: str
    units: tuple[str, ...]


class RestartRuntime(_Step, frozen=True, kw_only=True):
    """Restart the new runtime on its new files (`config`, empty where it stays); observed by a new main process."""

    unit: str
    config: str


class WaitForCri(_Step, frozen=True, kw_only=True):
    """Wait until CRI answers on `socket` and the configuration that runs is the planned one.

    `root` and `state` are where the new runtime keeps its images and what runs: every step on the node goes by them and the socket.
    """

    socket: str
    config: str
    timeout: int
    root: str
    state: str


class RemovePods(_Step, frozen=True, kw_only=True):
    """Stop and remove the containers that the kubelet made in the target (`title`); after `timeout` seconds they are killed."""

    title: str
    socket: str
    timeout: int = DEFAULT.stop


class RestoreRuntime(_Step, frozen=True, kw_only=True):
    """Bring the target's unit back as it was found: restarted on its old files, or stopped."""

    unit: str
    active: bool


class StartKubelet(_Step, frozen=True, kw_only=True):
    """Open the gate and start the kubelet, the source still stopped; the reverse closes the gate and stops the kubelet."""


# On the node, one-way: only in the plan of a cleanup


class CloseRun(_Step, frozen=True, kw_only=True):
    """Record in the run that moved the node that Docker is being removed: from then on that run cannot be rolled back."""

    run: str


class RemoveChains(_Step, frozen=True, kw_only=True):
    """Remove Docker's `rules` and `chains` from iptables and set the FORWARD policy of the families in `policy` to ACCEPT.

    What is there is saved first. `reach` are the addresses and ports (`10.244.1.4 8080`) that are asked before and after, beside the
    node's Services: where one that answered before does not afterwards, what was saved is restored and the step fails.
    """

    rules: tuple[ChainRule, ...]
    chains: tuple[Chain, ...]
    policy: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()


class RemovePackages(_Step, frozen=True, kw_only=True):
    """Remove exactly these packages by `manager`; nothing else changes, and neither the kubelet nor `unit` is stopped or restarted."""

    manager: str
    unit: str
    packages: tuple[LeftPackage, ...]


class RemoveFiles(_Step, frozen=True, kw_only=True):
    """Remove files and folders by their paths: what `title` names."""

    title: str
    paths: tuple[str, ...]


class RemoveLink(_Step, frozen=True, kw_only=True):
    """Remove a network link to which nothing is attached."""

    name: str


class RemoveNamespace(_Step, frozen=True, kw_only=True):
    """Remove Docker's namespace (`name`) from the containerd at `socket`, which others use: containers, images, snapshots, content."""

    name: str
    socket: str
    containers: int = 0
    images: int = 0


class RemoveData(_Step, frozen=True, kw_only=True):
    """Remove Docker's own `entries` of its data `root`; others stay, and so does a root that is a mount point or not empty then."""

    root: str
    entries: tuple[Leftover, ...]


class RemoveGroup(_Step, frozen=True, kw_only=True):
    """Remove a group of users."""

    name: str


class RemoveRecords(_Step, frozen=True, kw_only=True):
    """Remove the records of earlier runs of docker2cri from the node."""

    runs: tuple[str, ...]
    size: int = 0


# Through the API


class RecordWorkloads(_Step, frozen=True, kw_only=True):
    """Record what runs on the node, to compare with afterwards."""


class Cordon(_Step, frozen=True, kw_only=True):
    """Cordon the node with the run's mark; the reverse is Uncordon. `found` says whether it was cordoned before."""

    found: bool


class Uncordon(_Step, frozen=True, kw_only=True):
    """Remove the run's mark, and uncordon the node unless it was `found` cordoned; the reverse is Cordon."""

    found: bool


class Drain(_Step, frozen=True, kw_only=True):
    """Evict the node's pods, honouring PodDisruptionBudgets."""

    policy: DrainPolicy


class WaitVolumesDetached(_Step, frozen=True, kw_only=True):
    """Wait until the API lists no attached volume that the drained pods used."""

    timeout: int


class Annotate(_Step, frozen=True, kw_only=True):
    """Set an annotation of the Node; None removes it."""

    key: str
    value: str | None


class SmokeTest(_Step, frozen=True, kw_only=True):
    """Run a smoke pod of `image` before anything is disturbed: the control of the one that verifies the node later.

    Which of SMOKE_CHECKS fail is recorded, and they are not demanded later. Where the pod never runs the step fails if it is `required`.
    `prefix` is the runtime that it runs in, `timeout` is in seconds and for each attempt.
    """

    prefix: str
    image: str
    timeout: int
    required: bool = True


class VerifyNode(_Step, frozen=True, kw_only=True):
    """Verify the cordoned node on the runtime of `prefix`: Ready, DaemonSet and static pods in its containers, a smoke pod of `image`."""

    title: str
    prefix: str
    image: str
    timeout: int


class VerifyWorkloads(_Step, frozen=True, kw_only=True):
    """Verify the workloads after uncordon: evicted owners whole again, pinned pods back, nothing on another runtime than `prefix`."""

    title: str
    prefix: str
    timeout: int


class Disarm(_Step, frozen=True, kw_only=True):
    """Disarm the node's guard, and let its program know that pods may come; a rollback arms it again by itself."""


class EtcdSnapshot(_Step, frozen=True, kw_only=True):
    """Keep a snapshot of etcd, verified by the SHA-256 at its end, with /etc/kubernetes/pki and manifests on the operator's machine."""


class CheckControlPlanes(_Step, frozen=True, kw_only=True):
    """See once more, just before this control plane stops, that etcd and the others are well and that no other one is moved.

    What is not well may become so within `timeout` seconds. A node whose own member of etcd is down is not kept from its rollback. One that
    is `alone` is asked itself: its own API server. `etcd`: it has a member of its own.
    """

    timeout: int
    alone: bool = False
    etcd: bool = True


class MoveEtcdLeader(_Step, frozen=True, kw_only=True):
    """Have the node's member of etcd, where it leads, hand over to another, and wait until all members name that one."""

    timeout: int


class VerifyControlPlane(_Step, frozen=True, kw_only=True):
    """Verify etcd's member under its old ID with the keys of all others, the own apiserver, the leases of scheduler and controller-manager.

    It runs on the runtime that `title` names. Of one that is `alone` the API is away until its own API server answers, `timeout` seconds at
    most. `etcd`: it has a member of its own.
    """

    title: str
    timeout: int
    alone: bool = False
    etcd: bool = True


class SettleControlPlane(_Step, frozen=True, kw_only=True):
    """Wait until all control planes have been well for `seconds` without a break, `timeout` more at most, before the next node begins.

    `alone` and `etcd` as for CheckControlPlanes.
    """

    seconds: int
    timeout: int
    alone: bool = False
    etcd: bool = True


class Complete(_Step, frozen=True, kw_only=True):
    """Record on the node that its migration is verified."""


HostStep: TypeAlias = (
    InstallRuntime
    | WriteFile
    | SetUnit
    | CarryImage
    | PullImage
    | PinImages
    | ValidateFiles
    | ArmGuard
    | StageFiles
    | KernelSettings
    | StopKubelet
    | StopPods
    | WaitForPods
    | ReleaseAddresses
    | StopStandalone
    | StopSource
    | KeepSource
    | RestartRuntime
    | WaitForCri
    | RemovePods
    | RestoreRuntime
    | CloseRun
    | RemoveChains
    | RemovePackages
    | RemoveFiles
    | RemoveLink
    | RemoveNamespace
    | RemoveData
    | RemoveGroup
    | RemoveRecords
    | StartKubelet
)
OneWayStep: TypeAlias = (
    CloseRun | RemoveChains | RemovePackages | RemoveFiles | RemoveLink | RemoveNamespace | RemoveData | RemoveGroup | RemoveRecords
)
ApiStep: TypeAlias = (
    RecordWorkloads
    | SmokeTest
    | Cordon
    | Uncordon
    | Drain
    | WaitVolumesDetached
    | Annotate
    | VerifyNode
    | VerifyWorkloads
    | EtcdSnapshot
    | CheckControlPlanes
    | MoveEtcdLeader
    | VerifyControlPlane
    | SettleControlPlane
    | Disarm
    | Complete
)
Step: TypeAlias = HostStep | ApiStep


@dataclass(frozen=True, slots=True)
class StepKind:
    """One row of the table, for one step: its `name` in journal and node program, where it acts, what it does in the imperative, its
    arguments in the node program, and its reverse, None where a rollback has nothing to undo.
    """

    name: str
    where: str
    text: str
    reverse: Step | None = None
    arguments: tuple[str, ...] = ()


def kind_of(step: Step) -> StepKind:
    """The table of kinds: the only place that knows all of a kind but how it is performed (run/perform.py, node/steps.sh)."""
    undo = step.on == "rollback"
    match step:
        case InstallRuntime(title=title):
            text = f"leave {title} installed, stopped and disabled" if undo else f"install {title}{_from(step)}"
            return StepKind("install", HOST, text, _turned(step), _installed(step))
        case WriteFile(path=path):
            sides = (*_shape(step.before, step.after), *_shape(step.after, step.before))
            return StepKind("file", HOST, _put(step), _swapped(step), (path, _sha(step.before), _sha(step.after), *sides))
        case SetUnit(unit=unit, before=before, after=after):
            verb = _verb(before, after)
            return StepKind("unit-up", HOST, f"systemctl {verb} {unit}", _swapped(step), (unit, before.enabled, _activity(before.active)))
        case CarryImage(image=image, name=name):
            text = f"copy image {image.reference} ({size(image.size)})"
            return StepKind("carry", HOST, text, None, (image.reference, name, image.id, str(image.size)))
        case PullImage(title=title, name=name):
            return StepKind("pull", HOST, f"pull image {name} with {title}", None, (name,))
        case PinImages(title=title, names=pinned, file=file):
            text = f"unpin the images that were not pinned in {title}" if undo else f"pin {plural(len(pinned), 'image')} in {title}"
            return StepKind("pin-images", HOST, text, _turned(step), (file or "-", *pinned))
        case ValidateFiles(config=config, files=files, readers=readers):
            return StepKind("validate", HOST, f"check that {' and '.join(readers)}", None, (config or "-", *files))
        case ArmGuard(seconds=seconds):
            return StepKind("guard", HOST, "disarm the guard" if undo else f"arm the guard ({seconds} s)", _turned(step))
        case StageFiles():
            return StepKind("stage", HOST, "remove staged files" if undo else "stage the new files beside the old ones", _turned(step))
        case KernelSettings():
            return StepKind("kernel", HOST, "check the kernel modules and sysctls that the pods need")
        case StopKubelet(unit=unit):
            return StepKind("kubelet-stop", HOST, "start the kubelet" if undo else "stop the kubelet", _turned(step), (unit,))
        case StopPods(title=title, timeout=timeout):
            text = f"stop the pods' containers in {title}, sandboxes last ({_limited(step)})"
            return StepKind("pods-stop", HOST, text, None, (str(timeout), _at_limit(step)))
        case WaitForPods(title=title, timeout=timeout):
            return StepKind("pods-wait", HOST, f"wait until the pods run in {title} again", None, (str(timeout),))
        case ReleaseAddresses(sandboxes=sandboxes, networks=networks):
            text = f"release the addresses of stopped sandboxes in {', '.join(networks) or 'no network'}"
            return StepKind("addresses", HOST, text, None, (sandboxes,))
        case StopStandalone(containers=found, timeout=timeout):
            words = tuple(word for container in found for word in (container.id, str(container.timeout), container.name))
            names = few(container.name for container in found)
            text = f"start standalone containers {names}" if undo else f"stop standalone containers {names} ({_limited(step)})"
            return StepKind("standalone", HOST, text, _turned(step), (str(timeout), _at_limit(step), *words))
        case StopSource(units=units, title=title):
            names = ", ".join(units)
            text = f"start {names}, wait until {title} answers" if undo else f"stop {names}, keep them from starting"
            return StepKind("source-stop", HOST, text, _turned(step), units)
        case KeepSource(title=title, units=units):
            text = f"wait until {title} answers" if undo else f"check that no pod runs in {title}, which keeps running"
            return StepKind("source-keep", HOST, text, _turned(step), units)
        case RestartRuntime(unit=unit, config=config):
            return StepKind("runtime-restart", HOST, f"restart {unit}", None, (unit, config or "-"))
        case WaitForCri(socket=socket, config=config, timeout=timeout, root=root, state=state):
            text = f"wait until CRI answers on {socket} (at most {timeout} s)"
            return StepKind("cri-wait", HOST, text, None, (socket, str(timeout), config or "-", root, state or "-"))
        case RemovePods(title=title, socket=socket, timeout=timeout):
            text = f"stop and remove the pods' containers in {title} (killed after {timeout} s)"
            return StepKind("pods-remove", HOST, text, None, (socket, str(timeout)))
        case RestoreRuntime(unit=unit, active=active):
            text = f"{'restart' if active else 'stop'} {unit}, as it was found"
            return StepKind("runtime-restore", HOST, text, None, (unit, _activity(active)))
        case StartKubelet():
            return StepKind("kubelet-start", HOST, "stop the kubelet" if undo else "start the kubelet", _turned(step))
        case CloseRun(run=run):
            return StepKind("run-close", HOST, f"close run {run}: from here on it cannot be rolled back", None, (run,))
        case RemoveChains(rules=rules, chains=chains):
            text = f"remove {plural(len(rules), 'rule')} and {plural(len(chains), 'chain')} of Docker from iptables{_policy(step)}"
            return StepKind("chains-remove", HOST, text, None, _chain_words(step))
        case RemovePackages(manager=manager, unit=unit, packages=packages):
            text = f"remove {', '.join(f'{package.name} {package.version}' for package in packages)} with {manager}{_frees(packages)}"
            return StepKind("packages-remove", HOST, text, None, (manager, unit, *(f"{one.name}={one.version}" for one in packages)))
        case RemoveFiles(title=title, paths=paths):
            return StepKind("files-remove", HOST, f"remove {title}", None, paths)
        case RemoveLink(name=name):
            return StepKind("link-remove", HOST, f"remove the link {name}", None, (name,))
        case RemoveNamespace(name=name, socket=socket):
            held = f"{plural(step.containers, 'container')}, {plural(step.images, 'image')}"
            text = f"remove the namespace {name} ({held}) from the containerd at {socket}"
            return StepKind("namespace-remove", HOST, text, None, (name, socket))
        case RemoveData(root=data_root, entries=entries):
            text = f"remove Docker's data in {data_root}{_frees(entries)}"
            return StepKind("data-remove", HOST, text, None, (data_root, *(entry.name for entry in entries)))
        case RemoveGroup(name=name):
            return StepKind("group-remove", HOST, f"remove the group {name}", None, (name,))
        case RemoveRecords(runs=runs):
            text = f"remove the records of {plural(len(runs), 'run')}: {', '.join(runs)} ({size(step.size)})"
            return StepKind("records-remove", HOST, text, None, runs)
        case RecordWorkloads():
            return StepKind("record", API, "record the workloads")
        case SmokeTest(image=image):
            return StepKind("smoke-test", API, f"run a smoke pod of {image} before anything is disturbed")
        case Cordon(found=found_cordoned):
            return StepKind("cordon", API, "cordon", Uncordon(found=found_cordoned, why=step.why, on=_other(step)))
        case Uncordon(found=found_cordoned):
            text = "remove the mark (it was found cordoned and stays so)" if found_cordoned else "uncordon"
            return StepKind("uncordon", API, text, Cordon(found=found_cordoned, why=step.why, on=_other(step)))
        case Drain():
            return StepKind("drain", API, "drain")
        case WaitVolumesDetached():
            return StepKind("volumes", API, "wait until volumes are detached")
        case Annotate(key=key, value=value):
            return StepKind("annotate", API, f"annotate {key}={value}" if value is not None else f"remove annotation {key}")
        case VerifyNode(title=title):
            return StepKind("verify-node", API, f"verify the cordoned node on {title}")
        case VerifyWorkloads(title=title):
            return StepKind("verify-workloads", API, f"verify the workloads on {title}")
        case Disarm():
            return StepKind("disarm", API, "disarm the guard")
        case EtcdSnapshot():
            text = "keep a verified snapshot of etcd, /etc/kubernetes/pki and manifests on this machine"
            return StepKind("etcd-snapshot", API, text)
        case CheckControlPlanes():
            return StepKind("check-control-planes", API, f"check that {_gated(step)} well")
        case MoveEtcdLeader():
            return StepKind("move-etcd-leader", API, "move the leader of etcd to another control plane")
        case VerifyControlPlane(title=title, etcd=member):
            return StepKind("verify-control-plane", API, f"verify {'etcd and ' if member else ''}the control plane on {title}")
        case SettleControlPlane(seconds=seconds, alone=alone):
            who = "the control plane has" if alone else "all control planes have"
            return StepKind("control-planes-well", API, f"wait until {who} been well for {seconds} s")
        case Complete():
            return StepKind("complete", API, "record the verified migration")
        case _:
            assert_never(step)


def reverse(step: Step) -> Step | None:
    """What a rollback performs for a step: its reverse, the step itself where it is planned for the rollback, or nothing."""
    found = kind_of(step).reverse
    return step if found is None and step.on == "rollback" else found


def acts(step: Step, direction: Direction) -> bool:
    """Whether a planned step is performed in this direction, as itself or as its reverse."""
    return step.on == direction or kind_of(step).reverse is not None


def describe(step: Step) -> str:
    """One line that says what the step does, in the imperative."""
    return kind_of(step).text


def one_way(step: Step) -> bool:
    """Whether nothing undoes it: such steps stand only in the plan of a cleanup."""
    return isinstance(step, OneWayStep)


def _frees(things: tuple[LeftPackage, ...] | tuple[Leftover, ...]) -> str:
    known = [thing.size for thing in things if thing.size is not None]
    least = "at least " if len(known) < len(things) else ""
    return f" (frees {least}{size(sum(known))})" if known else ""


def _policy(step: RemoveChains) -> str:
    families = " and ".join({"4": "IPv4", "6": "IPv6"}.get(family, family) for family in step.policy)
    return f", set the policy of FORWARD from DROP to ACCEPT ({families})" if families else ""


def _chain_words(step: RemoveChains) -> tuple[str, ...]:
    rules = (f"rule {one.family} {one.table} {one.rule}" for one in step.rules)
    chains = (f"chain {one.family} {one.table} {one.name}" for one in step.chains)
    return (*rules, *chains, *(f"policy {family}" for family in step.policy), *(f"reach {words}" for words in step.reach))


def _other(step: Step) -> Direction:
    return "apply" if step.on == "rollback" else "rollback"


def _turned(step: Step) -> Step:
    return replace(step, on=_other(step))


def _swapped(step: WriteFile | SetUnit) -> Step:
    return replace(step, before=step.after, after=step.before, on=_other(step))


def _gated(step: CheckControlPlanes) -> str:
    """What has to be well, and the verb."""
    if step.alone:
        return "etcd and its own API server are" if step.etcd else "its own API server is"
    return f"{'etcd and ' if step.etcd else ''}the other control planes are"


def _put(step: WriteFile) -> str:
    if step.after is None:
        return f"remove {step.path}"
    if step.before is None and step.on == "apply":
        return f"write {step.path} (new)"
    return f"{'restore' if step.on == 'rollback' else 'edit'} {step.path}"


def _sha(state: FileState | None) -> str:
    return state.sha256 if state else "-"


def _shape(state: FileState | None, other: FileState | None) -> tuple[str, str]:
    """Mode and owner; of a file that is not there those of the other side, which nobody looks at."""
    found = state or other
    return (found.mode, found.owner) if found else ("-", "-")


def _at_limit(step: StopPods | StopStandalone) -> str:
    return "kill" if step.kill else "fail"


def _limited(step: StopPods | StopStandalone) -> str:
    return f"killed after {step.timeout} s" if step.kill else f"each within {step.timeout} s"


def _activity(active: bool) -> str:
    return "active" if active else "inactive"


def _verb(before: UnitState, after: UnitState) -> str:
    verbs = []
    if before.enabled != after.enabled:
        verbs.append("enable" if after.enabled == "enabled" else "disable")
    if before.active != after.active:
        verbs.append("start" if after.active else "stop")
    return " and ".join(verbs) or "keep"


def _from(step: InstallRuntime) -> str:
    if step.bundle is not None:
        return f": {len(step.bundle.files)} files of {step.bundle.path}"
    return f" with {step.manager}: {', '.join(f'{package.name} {package.after}' for package in step.packages)}"


def _installed(step: InstallRuntime) -> tuple[str, ...]:
    about = (step.unit, step.cni_dir, ",".join(step.programs))
    if step.bundle is not None:
        return (*about, "bundle", step.bundle.sha256)
    return (*about, step.manager, *(f"{package.name}={package.after}" for package in step.packages))
