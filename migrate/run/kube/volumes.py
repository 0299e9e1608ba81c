"""Waiting until no volume of the drained pods is attached to the node: the kubelet unmounts, and once it is stopped nobody does."""

from __future__ import annotations

from migrate.errors import Restored
from migrate.facts.live import LivePod
from migrate.run.kube.events import Tell, VolumesWait
from migrate.run.kube.port import ActingCluster
from migrate.run.ports import Clock

DETACH_SECONDS = 360.0  # after 6 minutes the attach-detach controller forces a detach (maxWaitForUnmountDuration)
POLL = 0.5


class VolumesStay(Restored):
    """Volumes are still attached; the caller uncordons and the node is as before."""


def wait_volumes_detached(cluster: ActingCluster, node: str, clock: Clock, tell: Tell, timeout: float = DETACH_SECONDS) -> None:
    """Wait until no VolumeAttachment of the node and none of its `volumesInUse` is left.

    Volumes of pods that stay on the node (a DaemonSet's with claims) are not waited for. Raises VolumesStay after `timeout` seconds.
    """
    start = clock.monotonic()
    while names := _attached(cluster, node):
        spent = clock.monotonic() - start
        if spent >= timeout:
            raise VolumesStay(
                node=node,
                seen=f"volumes are still attached after {timeout:.0f} s:" + "".join(f"\n    {name}" for name in names),
                expected="no VolumeAttachment for the node and an empty status.volumesInUse, before its kubelet stops",
                next=f"kubectl get volumeattachments | grep {node}",
            )
        tell(VolumesWait(names, spent, timeout))
        clock.sleep(min(POLL, timeout - spent))


def _attached(cluster: ActingCluster, node: str) -> tuple[str, ...]:
    """The volumes that are waited for: of attachments the PersistentVolume's name, of `volumesInUse` the kubelet's name."""
    kept = {claim for pod in cluster.pods_on(node) for claim in _claims(pod)}
    found = cluster.volume_attachments(node)
    if kept:
        facts = cluster.read()
        kept_volumes = {volume.metadata.name for claim in kept if (volume := facts.claimed_volume(*claim))}
        found = tuple(attachment for attachment in found if attachment.spec.source.persistent_volume_name not in kept_volumes)
    in_use = () if kept else cluster.read_node(node).status.volumes_in_use or ()
    names = {attachment.spec.source.persistent_volume_name or attachment.metadata.name: attachment for attachment in found}
    handles = tuple(name for name in in_use if not any(name.endswith(f"^{volume}") for volume in names))
    return (*(f"{name} ({attachment.spec.attacher})" for name, attachment in names.items()), *handles)


def _claims(pod: LivePod) -> tuple[tuple[str, str], ...]:
    volumes = pod.spec.volumes or ()
    return tuple(
        (pod.metadata.namespace, volume.persistent_volume_claim.claim_name) for volume in volumes if volume.persistent_volume_claim
    )
