"""List and watch, kept up to date by one thread for each resource; whoever looks sees the present state, not the events that led to it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import msgspec

from migrate.errors import ClusterUnreachable
from migrate.facts.api import decode
from migrate.facts.cluster import Budget
from migrate.facts.live import LiveNode, LivePod, Watched
from migrate.facts.resolve import resolve
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.board import Board, Pulse
from migrate.run.kube.door import ActingApi, ApiStream
from migrate.run.kube.events import ApiAway, Tell
from migrate.run.kube.lists import BUDGETS
from migrate.run.kube.paths import NODES, PODS
from migrate.run.kube.refused import NotAllowed, refusal

SERVER_SECONDS = 30  # a watch is ended by the server after so long, which also bounds how long a silent partition is not seen
SILENCE_SECONDS = 45.0
UNWATCHED_SECONDS = 2.0  # between lists of what may be listed and not watched
TOLD_SECONDS = 2.0  # for so long the first lists may take before that is told, and told again
W = TypeVar("W", bound=Watched)


class _Version(msgspec.Struct, frozen=True):
    resource_version: str = msgspec.field(name="resourceVersion", default="")


class _List(msgspec.Struct, Generic[W], frozen=True):
    items: tuple[W, ...] | None = None
    metadata: _Version = _Version()


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _WatchStatus(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class _ObjectVersion(msgspec.Struct, frozen=True):
    metadata: _Version = _Version()


class Follower(Generic[W]):
    """One resource, followed. `optional`: without permission to list it there is nothing to see, and that is no error."""

    def __init__(
        self, board: Board, api: ActingApi, paths: tuple[str, ...], item: type[W], query: Mapping[str, str], *, optional: bool = False
    ) -> None:
        self._board, self._api, self._query, self._item, self._optional = board, api, dict(query), item, optional
        self._path, *self._others = paths
        self._objects: dict[str, W] = {}
        self._list_type = _List[item]  # type: ignore[valid-type]
        self._stream: ApiStream | None = None
        self.listed = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True, name=f"kube-watch {self._path}")

    def objects(self) -> tuple[W, ...]:
        """What is known now, in namespace/name order."""
        with self._board.changed:
            found = tuple(self._objects.values())
        return tuple(sorted(found, key=lambda item: (item.metadata.namespace, item.metadata.name)))

    def close(self) -> None:
        """End the stream; the thread ends with it."""
        if self._stream is not None:
            self._stream.shut()

    def _run(self) -> None:
        try:
            self._keep_up()
        except Exception as defect:  # a thread that dies unseen would leave a watch in which nothing changes
            self._board.note(self._path, fatal=defect)
            self.listed.set()

    def _keep_up(self) -> None:
        failures = 0
        while not self._board.closed:
            try:
                version = self._list()
                failures = 0
                while version and not self._board.closed:
                    version = self._follow(version)
            except (ClusterUnreachable, ConnectionError, msgspec.DecodeError) as wrong:
                if self._hopeless(wrong):
                    self.listed.set()
                    return
                said = wrong.seen if isinstance(wrong, ClusterUnreachable) else f"{self._api.server}: {' '.join(str(wrong).split())}"
                self._board.note(self._path, said)
                self._board.rest(min(5.0, 0.25 * 2**failures) * random.uniform(0.5, 1.5))
                failures += 1

    def _hopeless(self, wrong: Exception) -> bool:
        """What was refused from the beginning stays so; a server that has just started may refuse for a moment what it allowed before."""
        if not isinstance(wrong, NotAllowed) or self.listed.is_set():
            return False
        if not self._optional:
            self._board.note(self._path, fatal=wrong)
        return True

    def _list(self) -> str:
        answer = self._api.get(self._path, self._query)
        if answer.status == 404 and self._others:
            self._path, *self._others = self._others
            return self._list()
        if answer.status != 200:
            raise refusal(self._api, "LIST", self._path, answer)
        found: _List[W] = decode(answer.body, self._list_type)
        self._replace({item.metadata.uid: item for item in found.items or ()})
        self.listed.set()
        return found.metadata.resource_version

    def _follow(self, version: str) -> str:
        """One watch; the version to go on from, empty when everything must be listed again."""
        query = self._query | {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(SERVER_SECONDS),
        }
        self._stream = stream = self._api.open(self._path, query, SILENCE_SECONDS)
        if stream.status == 403:  # listing is allowed and watching is not
            stream.body()
            self._board.rest(UNWATCHED_SECONDS)
            return ""
        if stream.status != 200:
            answer = ListAnswer(stream.status, stream.body())
            if stream.status == 410:
                return ""
            raise refusal(self._api, "WATCH", self._path, answer)
        if self._board.closed:  # it was opened just as `close` was called
            stream.shut()
        self._board.note(self._path)
        for line in stream.lines():
            event = decode(line, _Event)
            if event.type == "ERROR":
                if decode(event.object, _WatchStatus).code == 410:
                    return ""
                raise ConnectionError(decode(event.object, _WatchStatus).message)
            version = decode(event.object, _ObjectVersion).metadata.resource_version
            if event.type != "BOOKMARK":
                self._apply(event)
            if self._board.closed:
                break
        return version

    def _apply(self, event: _Event) -> None:
        item = decode(event.object, self._item)
        with self._board.changed:
            if event.type == "DELETED":
                self._objects.pop(item.metadata.uid, None)
            else:
                self._objects[item.metadata.uid] = item
        self._board.note(self._path)

    def _replace(self, objects: dict[str, W]) -> None:
        with self._board.changed:
            self._objects = objects
        self._board.note(self._path)


class KubeWatch:
    """See cluster_port.Watch."""

    def __init__(self, board: Board, pods: Follower[LivePod], node: Follower[LiveNode], budgets: Follower[Budget]) -> None:
        self._board, self._pods, self._node, self._budgets = board, pods, node, budgets
        self.away = board.away
        self.wait = board.wait

    def pods(self) -> tuple[LivePod, ...]:
        """The pods bound to the node."""
        return self._pods.objects()

    def node(self) -> LiveNode | None:
        """The Node object."""
        return next(iter(self._node.objects()), None)

    def budgets(self) -> tuple[Budget, ...]:
        """Every PodDisruptionBudget."""
        return self._budgets.objects()


@contextmanager
def watching(api: ActingApi, node: str, patience: float, tell: Tell) -> Iterator[KubeWatch]:
    """Follow a node; raises ClusterUnreachable when the first lists do not come within `patience` seconds, of which `tell` hears."""
    board = Board()
    pods = Follower(board, api, (PODS,), LivePod, {"fieldSelector": f"spec.nodeName={node}"})
    nodes = Follower(board, api, (NODES,), LiveNode, {"fieldSelector": f"metadata.name={node}"})
    budgets = Follower(board, api, BUDGETS, Budget, {}, optional=True)
    followers = (pods, nodes, budgets)
    threads = (*(follower.thread for follower in followers), Pulse(board, api).thread)
    for thread in threads:
        thread.start()
    try:
        _listed(followers, board, api, node, patience, tell)
        board.wait(0)
        yield KubeWatch(board, pods, nodes, budgets)
    finally:
        with board.changed:
            board.closed = True
            board.changed.notify_all()
        for follower in followers:
            follower.close()
        for thread in threads:
            thread.join(1.0)


def _listed(followers: tuple[Follower[Any], ...], board: Board, api: ActingApi, node: str, patience: float, tell: Tell) -> None:
    begun = time.monotonic()
    for follower in followers:
        while not follower.listed.wait(min(TOLD_SECONDS, patience)):
            spent = time.monotonic() - begun
            if spent >= patience:
                raise ClusterUnreachable(
                    seen=board.away() or f"{api.server}: no list within {patience:.0f} s",
                    expected="an API server that answers",
                    next=f"{api.kubectl} get --raw /version",
                )
            tell(ApiAway(f"reading what runs on {node}", board.away() or f"{api.server}: no answer yet", spent, patience))


resolve(_List[LivePod], _List[LiveNode], _List[Budget], _Event, _WatchStatus, _ObjectVersion)
