"""A snapshot of etcd, and the files that a member needs besides, taken off the node before anything is disturbed."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator

from migrate.errors import MigrateError
from migrate.facts.etcd import Etcd
from migrate.facts.parse.etcd import EtcdUnread
from migrate.plan.steps import size
from migrate.run.etcd import read_etcd
from migrate.run.ports import CommandResult
from migrate.run.ssh.text import readable
from migrate.run.work import StepFailed, Work

SNAPSHOT, FILES = "etcd.db", "kubernetes.tar"  # in the run's folder, after the node's name
SUM_BYTES = 32  # etcd appends the SHA-256 of all that stands before it (etcdctl snapshot save; etcd 3.4 has no etcdutl to check it)
PAGE = 512  # the database itself is a whole number of these
CHUNK = 8  # MiB that are read at once
SPARE = 64 << 20  # bytes that stay free on this machine


def keep_snapshot(work: Work) -> None:
    """Keep both on this machine, where they are not kept yet. Raises StepFailed where one is not whole, and what the folder raises."""
    host = work.plan.host
    snapshot, files = (work.folder.path_of(host, name) for name in (SNAPSHOT, FILES))
    if snapshot.exists() and files.exists():
        return
    try:
        members = read_etcd(work)
    except EtcdUnread as wrong:
        raise _failed(work, str(wrong)) from wrong
    done = work.remote.verb("etcd-snapshot")
    told = done.values
    if done.rc != 0 or not told.get("size", "").isdecimal():
        raise _failed(work, readable(done.stdout + done.stderr) or f"exit code {done.rc}")
    length = int(told["size"])
    try:
        if work.folder.room() < length + SPARE:
            raise _failed(work, f"it has {size(length)}, and {work.folder.path} on this machine has {size(work.folder.room())} free")
        archive = _checked(work, work.remote.verb("kubernetes-files"), "/etc/kubernetes/pki and manifests cannot be read")
        work.folder.receive(host, FILES, [archive.stdout])
        work.folder.receive(host, SNAPSHOT, _proved(work, length, told.get("sha256", "")))
    finally:
        _removed(work)
    work.say(
        "note",
        f"kept {snapshot} ({size(length)}, verified by its SHA-256) and {files}: with all Secrets and keys of the cluster, unencrypted",
    )
    work.say("note", f"docker2cri never deletes them; when the cluster is well: rm {shlex.quote(str(snapshot))} {shlex.quote(str(files))}")
    work.say("note", f"if etcd is ever lost, it is restored on each control plane by: {restoring(members, SNAPSHOT)}")


def restoring(found: Etcd, file: str) -> str:
    """The command that makes a member's data of a snapshot, for the member that was asked (etcd.io, Disaster recovery)."""
    own = found.member(found.own)
    peers = [(member.name, url) for member in found.members for url in member.peers[:1]]
    cluster = ",".join(f"{name}={url}" for name, url in peers)
    name, url = next((one for one in peers if own and one[0] == own.name), ("NAME", "URL"))
    options = f"--name {name} --initial-cluster {cluster} --initial-advertise-peer-urls {url} --data-dir /var/lib/etcd-restored"
    return f"etcdctl snapshot restore {file} {options}"


def _proved(work: Work, length: int, expected: str) -> Iterator[bytes]:
    """The bytes of the snapshot on the node; raises StepFailed at their end, where they are not what etcd wrote."""
    whole, body, tail, read = hashlib.sha256(), hashlib.sha256(), b"", 0
    while read < length:
        script = f"dd if={work.remote.home}/{SNAPSHOT} bs=1048576 skip={read >> 20} count={CHUNK} 2>/dev/null"
        chunk = _checked(work, work.remote.script(script), "it cannot be read on the node").stdout
        if not chunk:
            break
        read += len(chunk)
        whole.update(chunk)
        tail += chunk
        body.update(tail[:-SUM_BYTES])
        tail = tail[-SUM_BYTES:]
        yield chunk
    if read != length or whole.hexdigest() != expected:
        raise _failed(
            work, f"{read:,} of {length:,} bytes came, with the SHA-256 {whole.hexdigest()}, not {expected or 'one that it told'}"
        )
    if length % PAGE != SUM_BYTES or body.digest() != tail:
        raise _failed(work, f"its SHA-256 is {body.hexdigest()}, and etcd wrote {tail.hex()} at its end")


def _checked(work: Work, done: CommandResult, what: str) -> CommandResult:
    if done.rc != 0:
        raise _failed(work, f"{what}: {readable(done.stderr) or f'exit code {done.rc}'}")
    return done


def _removed(work: Work) -> None:
    """It has all Secrets, and does not stay on the node; an error of before is not hidden by one of this."""
    try:
        work.remote.script(f"rm -f {work.remote.home}/{SNAPSHOT}")
    except MigrateError as wrong:
        work.say("note", f"{work.remote.home}/{SNAPSHOT} may be left on the node: {wrong.seen}")


def _failed(work: Work, why: str) -> StepFailed:
    return StepFailed(
        node=work.plan.host,
        seen=f"no snapshot of etcd: {why}",
        expected="a snapshot that is whole, on this machine, before anything is disturbed",
        next=work.again,
    )
