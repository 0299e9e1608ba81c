"""A scan of folders of manifests and charts, compared with a walk over parsed objects that shares no code with it.

    python -m benchmarks.corpus FOLDER...

The walk loads each YAML and JSON file outside of charts with PyYAML and looks for hostPaths of Docker's socket and data and for privileged
containers. Recall is how many of these objects have their finding. Charts are scanned with `--no-render`; where `helm template` (found in
PATH, none is compared without it) renders the same chart, the walk over its output is the judge: precision is how many of the blockers of
the text were right, recall in how many of the charts for which the judge has a code a finding of it was told, of any confidence. It exits
with 1 when recall of manifests or precision is too low.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SOCKET = re.compile(r"(.*/)?(docker|dockershim|cri-dockerd)\.sock")
DATA = re.compile(r"/var/lib/docker(/.*)?")
CODES = {"D2C301": "sockets", "D2C302": "data", "D2C304": "privileged"}
KINDS = {"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController"}
PRECISION = 0.95
Seen = tuple[str, str, str]  # file, code, kind and name (of charts: kind)


@dataclass
class Score:
    """Counts of one folder."""

    wanted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    missed: list[Seen] = field(default_factory=list)
    wrong: list[Seen] = field(default_factory=list)
    unseen: list[Seen] = field(default_factory=list)

    def count(self, wanted: set[Seen], told: set[Seen], of: str = "") -> None:
        """How many of what is wanted was told."""
        for seen in wanted:
            self.wanted[of + CODES[seen[1]]] += 1
            self.found[of + CODES[seen[1]]] += seen in told
        self.missed += sorted(wanted - told)


def documents(text: str) -> list[Any]:
    """The objects of a text, Lists taken apart; none for a text that does not parse."""
    try:
        found = list(yaml.load_all(text, yaml.CSafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    for one in found:
        if isinstance(one, dict) and str(one.get("kind", "")).endswith("List") and isinstance(one.get("items"), list):
            found += one["items"]
    return [one for one in found if isinstance(one, dict)]


def seen(one: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Code, kind and name of what an object says."""
    kind, meta = str(one.get("kind")), one.get("metadata")
    if kind not in KINDS or not isinstance(meta, dict):
        return
    spec: Any = one if kind == "Pod" else (one.get("spec") or {}).get("template")
    if kind == "CronJob":
        spec = (((one.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}).get("template")
    spec = spec.get("spec") if isinstance(spec, dict) else None
    if not isinstance(spec, dict):
        return
    for volume in spec.get("volumes") or ():
        host = volume.get("hostPath") if isinstance(volume, dict) else None
        path = str(host.get("path") or "") if isinstance(host, dict) else ""
        path = "/run" + path.removeprefix("/var/run") if path.startswith("/var/run") else path
        for code, pattern in (("D2C301", SOCKET), ("D2C302", DATA)):
            if pattern.fullmatch(path.rstrip("/") or "/"):
                yield code, kind, str(meta.get("name"))
    for key in ("initContainers", "containers"):
        for container in spec.get(key) or ():
            if isinstance(container, dict) and (container.get("securityContext") or {}).get("privileged") is True:
                yield "D2C304", kind, str(meta.get("name"))


def scan(path: str, *options: str) -> list[dict[str, Any]]:
    """The findings of docker2cri."""
    done = subprocess.run(
        [Path(sys.executable).parent / "docker2cri", "scan", path, "-o", "json", *options], capture_output=True, check=False
    )
    if not done.stdout:
        raise SystemExit(f"{path}: {done.stderr.decode()}")
    return list(json.loads(done.stdout)["findings"])


def charts(folder: str) -> list[str]:
    """The folders of charts that are in no other chart."""
    found: list[str] = []
    for at, below, names in os.walk(folder):
        if "Chart.yaml" in names:
            found.append(at)
            below.clear()
    return sorted(found)


def manifests(folder: str, inside: list[str], findings: list[dict[str, Any]], score: Score) -> None:
    """Compare what stands in parsed files."""
    wanted: set[Seen] = set()
    for at, below, names in os.walk(folder):
        below[:] = [name for name in below if name not in (".git", "node_modules") and os.path.join(at, name) not in inside]
        for name in names:
            path = os.path.join(at, name)
            if name.endswith((".yaml", ".yml", ".json")) and os.path.isfile(path):
                objects = documents(Path(path).read_text("utf-8", "replace"))
                score.counts["objects"] += len(objects)
                wanted |= {(path, code, f"{kind} {called}") for one in objects for code, kind, called in seen(one)}
    told = {(found["location"]["path"], found["code"], _title(found["subject"])) for found in findings if found["location"]}
    score.count(wanted, told)


def _title(subject: str) -> str:
    kind, _, name = subject.partition(" ")
    return f"{kind} {name.rpartition('/')[2]}"


def chart(path: str, findings: list[dict[str, Any]], score: Score) -> None:
    """Compare a chart read by its templates with what helm makes of it."""
    if not (helm := shutil.which("helm")):
        return
    done = subprocess.run([helm, "template", "release", path], capture_output=True, text=True, check=False)
    if done.returncode:
        return
    score.counts["rendered"] += 1
    truth: set[Seen] = set()
    for text in re.split(r"(?m)^---\s*$", done.stdout):
        source = re.search(r"(?m)^# Source: [^/\n]*/(.*)$", text)
        place = os.path.join(path, source[1]) if source else path
        truth |= {(place, code, kind) for one in documents(text) for code, kind, _ in seen(one)}
    own = [
        found
        for found in findings
        if found["location"] and found["location"]["path"].startswith(path + "/") and "templates/" in found["location"]["path"]
    ]
    for found in own:
        if found["severity"] == "blocker":
            score.counts["blockers"] += 1
            here = (found["location"]["path"], found["code"], found["subject"].partition(" ")[0])
            score.counts["right"] += here in truth
            score.wrong += [] if here in truth else [here]
    codes = {found["code"] for found in findings if found["location"] and found["location"]["path"].startswith(path + "/")}
    for code in {code for _, code, _ in truth}:
        score.wanted[f"chart {CODES[code]}"] += 1
        score.found[f"chart {CODES[code]}"] += code in codes
        score.unseen += [] if code in codes else [(path, code, "")]


def main() -> int:
    """Print a row for each folder; 1 where a bound is missed."""
    total = Score()
    for folder in (argument.rstrip("/") for argument in sys.argv[1:]):
        score, inside, findings = Score(), charts(folder), scan(folder, "--no-render")
        score.counts["charts"] = len(inside)
        manifests(folder, inside, findings, score)
        for path in inside:
            chart(path, findings, score)
        print(row(os.path.basename(folder), score), flush=True)
        for name in ("missed", "wrong", "unseen"):
            for one in getattr(score, name)[:20]:
                print(f"    {name}: {' '.join(one)}")
        for part in ("wanted", "found", "counts"):
            getattr(total, part).update(getattr(score, part))
    print(row("all", total))
    recall = all(total.found[name] == total.wanted[name] for name in CODES.values())
    return 0 if recall and total.counts["right"] >= PRECISION * total.counts["blockers"] else 1


def row(name: str, score: Score) -> str:
    """A row of a table: objects, recall of each kind, charts (rendered), blockers that were right, recall of charts."""
    parts = [f"{score.found[of]}/{score.wanted[of]}" for of in CODES.values()]
    rendered = [f"{score.found[f'chart {of}']}/{score.wanted[f'chart {of}']}" for of in CODES.values()]
    counts = score.counts
    cells = [counts["objects"], *parts, f"{counts['rendered']}/{counts['charts']}", f"{counts['right']}/{counts['blockers']}", *rendered]
    return f"| {name} | {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
