"""The closed union of step kinds: everything that a migration can do to a node, each with its reverse.

A step says before and after, so that `undo` computes the way back instead of a second program; kinds that are not symmetric carry
`forward`, and come in brackets where a plan needs them in both directions (docs/design/plan.md).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from migrate.targets.bundle import BundleFile


class _Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True):
    """`why` is told to the reader beside the step."""

    why: str


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


class Volatile(msgspec.Struct, frozen=True, kw_only=True):
    """A standalone container: full ID, name, and its own stop timeout in seconds."""

    id: str
    name: str
    timeout: int


class CarriedImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image to carry over: the reference as Docker knows it, its config digest, its size in bytes, and why it is carried."""

    reference: str
    id: str
    size: int
    why: str


class DrainPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How pods leave, in kubectl's words; `timeout` is in seconds, 0 for ever."""

    ignore_daemonsets: bool = True
    delete_emptydir_data: bool = False
    force: bool = False
    timeout: int = 600


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
    """Bring a systemd unit to a state; starting one always reloads systemd first."""

    unit: str
    before: UnitState
    after: UnitState


class RestartUnit(_Step, frozen=True, kw_only=True):
    """Restart a unit so that it runs on its new files; observed by a main PID that started after the step began."""

    unit: str
    forward: bool = True


class ShelveDocker(_Step, frozen=True, kw_only=True):
    """Stop these units and keep them from starting (a touch of docker.socket wakes a merely stopped Docker).

    The reverse lets them start, starts them, and waits until Docker answers with the cgroup driver that it had.
    """

    units: tuple[str, ...]
    before: bool
    after: bool


class StopStandalone(_Step, frozen=True, kw_only=True):
    """Stop exactly these containers (`before` and `after` say whether they run); the reverse starts them."""

    containers: tuple[Volatile, ...]
    before: bool
    after: bool


class StopPodContainers(_Step, frozen=True, kw_only=True):
    """Stop the containers that the kubelet made through `runtime`, application containers before sandboxes."""

    runtime: str
    forward: bool = True


class ReleaseAddresses(_Step, frozen=True, kw_only=True):
    """Free the host-local leases, libcni cache files and nat rules of the sandboxes that were stopped."""

    networks: tuple[str, ...]
    forward: bool = True


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


class InstallRuntime(_Step, frozen=True, kw_only=True):
    """Put what is missing onto the node: exactly these packages by `manager`, or the files of a bundle.

    Nothing is started or restarted by it, and nothing lands in `cni_dir`; `programs` must answer afterwards. `unit` is the new runtime's.
    There is no reverse: what was installed stays, stopped and disabled.
    """

    title: str
    unit: str
    cni_dir: str
    programs: tuple[str, ...]
    manager: str = ""
    packages: tuple[InstalledPackage, ...] = ()
    bundle: BundleSource | None = None
    forward: bool = True


class CarryImages(_Step, frozen=True, kw_only=True):
    """Copy images from Docker's store to the new runtime's, one by one, and verify them there."""

    images: tuple[CarriedImage, ...]
    forward: bool = True


class Cordon(_Step, frozen=True, kw_only=True):
    """Set the node's spec.unschedulable."""

    before: bool
    after: bool


class Drain(_Step, frozen=True, kw_only=True):
    """Evict the node's pods, honouring PodDisruptionBudgets; acts in one direction."""

    policy: DrainPolicy
    forward: bool = True


class WaitVolumesDetached(_Step, frozen=True, kw_only=True):
    """Wait until the API lists no attached volume that the drained pods used."""

    forward: bool = True


class Annotate(_Step, frozen=True, kw_only=True):
    """Set an annotation of the Node; None is no annotation."""

    key: str
    before: str | None
    after: str | None


class Guard(_Step, frozen=True, kw_only=True):
    """The dead man's switch on the node: armed, it runs `back` when nobody renews it."""

    before: bool
    after: bool


class WaitFor(_Step, frozen=True, kw_only=True):
    """Wait for a condition with evidence newer than the step's beginning; seconds; acts in one direction."""

    condition: str
    timeout: int
    forward: bool = True


class VerifyA(_Step, frozen=True, kw_only=True):
    """Node, DaemonSet and static pods on the new runtime, smoke pod; while cordoned."""

    forward: bool = True


class VerifyB(_Step, frozen=True, kw_only=True):
    """Evicted owners whole again, pinned pods back, new container IDs; after uncordon."""

    forward: bool = True


Step: TypeAlias = (
    InstallRuntime
    | WriteFile
    | SetUnit
    | RestartUnit
    | ShelveDocker
    | StopStandalone
    | StopPodContainers
    | ReleaseAddresses
    | CarryImages
    | Cordon
    | Drain
    | WaitVolumesDetached
    | Annotate
    | Guard
    | WaitFor
    | VerifyA
    | VerifyB
)


def undo(step: Step) -> Step:
    """The reverse of a step; `undo(undo(step)) == step` for every kind."""
    match step:
        case WriteFile() | SetUnit() | ShelveDocker() | StopStandalone() | Cordon() | Annotate() | Guard():
            return replace(step, before=step.after, after=step.before)
        case _:
            return replace(step, forward=not step.forward)


def acts(step: Step) -> bool:
    """Whether the step does something in the direction it is read in: brackets act in the other one only."""
    return bool(getattr(step, "forward", True))
