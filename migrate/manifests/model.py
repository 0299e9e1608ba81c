"""What is found in files: problems of the files themselves, uses of Docker outside of pods, and pods' templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from migrate.facts.config_use import ConfigUse
from migrate.facts.values import Place, Pointer
from migrate.facts.workload import Workload


class Trouble(StrEnum):
    """What can be wrong with a file: `broken` text, a `misfit` with Kubernetes' types, `unrendered` templates, an incomplete `waiver`."""

    BROKEN = "broken"
    MISFIT = "misfit"
    UNRENDERED = "unrendered"
    WAIVER = "waiver"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of a file that cannot be read or judged as it should; `subject` is the document or the file, `why` one sentence."""

    trouble: Trouble
    subject: str
    why: str
    place: Place


class Kind(StrEnum):
    """The ways in which something outside of a pod leans on Docker."""

    CALL = "call"
    PRIVILEGED = "privileged"
    SOCKET = "socket"
    ADDRESS = "address"
    DAEMON = "daemon"
    DATA = "data"
    UNIT = "unit"
    IMAGE = "image"
    COMPOSE = "compose"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of Docker in a file: `subject` is what does it (`job build`, `service web`, a file), `evidence` what stands there."""

    kind: Kind
    subject: str
    evidence: str
    place: Place


@dataclass(frozen=True, slots=True)
class Template:
    """A workload of a document, and the way from a pointer into its pod template to the place in the file.

    A `part` is no workload by itself: values of a chart, a patch. Findings of it say what could be, once it is put into a whole.
    A ConfigMap is one for each of its lines that leans on Docker (`config_use`), as rules about workloads take it.
    """

    workload: Workload
    locate: Callable[[Pointer], Place]
    config_use: ConfigUse | None = None
    part: bool = False


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line of a text that could not be read as what it is (a Go template), for rules that look at text alone."""

    subject: str
    text: str
    place: Place


Item = Problem | Use | Template | FileLine
