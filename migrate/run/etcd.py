"""The etcd of a control plane, asked through the node program by the etcdctl in its own container, on whichever runtime it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from migrate.facts.etcd import Etcd, EtcdHash
from migrate.facts.parse.etcd import HASHES, MEMBERS, EtcdAnswers, EtcdUnread, etcd_of, hashes_of
from migrate.run.ssh.text import readable
from migrate.run.work import Work
from migrate.verify.judge import EtcdBefore

LOCAL = ("https://127.0.0.1:2379",)
NOT_THERE = 3  # the program's own exit code: no container of etcd runs


class EtcdGone(EtcdUnread):
    """No container of etcd runs on the node."""


def read_etcd(work: Work) -> Etcd:
    """What the node's own member tells; raises EtcdUnread, EtcdGone."""
    return _read(work, LOCAL)


def read_through_others(work: Work, before: EtcdBefore) -> Etcd:
    """What the other members tell, one of which is asked; raises EtcdUnread, EtcdGone."""
    return dataclasses.replace(_read(work, before.others), own=int(before.own, 16))


def hashes(work: Work, found: Etcd) -> tuple[EtcdHash, ...]:
    """What the keys hash to on each member that answers, up to the newest revision that all of them have; raises EtcdUnread, EtcdGone."""
    revision = min((member.status.revision for member in found.members if member.status), default=0)
    return hashes_of(_ask(work, HASHES, LOCAL, "endpoint", "hashkv", "--cluster", f"--rev={revision}"))


def move_leader(work: Work, to: int) -> str:
    """Have the node's member, which leads, hand over to another by its ID; why it did not, empty when it did."""
    done = work.remote.verb("etcdctl", "--endpoints", LOCAL[0], "move-leader", f"{to:x}")
    return "" if done.rc == 0 else readable(done.stderr or done.stdout) or f"exit code {done.rc}"


def before_of(found: Etcd) -> EtcdBefore:
    """What has to be so again."""
    others = tuple(url for member in found.members if member.id != found.own and not member.learner for url in member.urls)
    return EtcdBefore(own=f"{found.own:x}", members=tuple(f"{member.id:x}" for member in found.members), others=others)


def _read(work: Work, endpoints: Sequence[str]) -> Etcd:
    asked = (("member", "list"), ("endpoint", "status", "--cluster"), ("endpoint", "health", "--cluster"), ("alarm", "list"))
    return etcd_of(EtcdAnswers(*(_ask(work, MEMBERS, endpoints, *words) for words in asked)))


def _ask(work: Work, key: str, endpoints: Sequence[str], *words: str) -> str:
    """An answer of etcdctl; one member that does not answer makes it end with 1, and the others are told all the same."""
    done = work.remote.verb("etcdctl", "--endpoints", ",".join(endpoints), *words)
    said = readable(done.stderr)
    if done.rc == NOT_THERE:
        raise EtcdGone(key, said)
    if not done.stdout.strip():
        raise EtcdUnread(key, f"etcdctl {' '.join(words)} ended with {done.rc}: {said or 'it says nothing'}")
    return done.stdout.decode("utf-8", "replace")
