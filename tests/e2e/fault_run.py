"""The whole set of faults on real nodes, and its part of docs/faults.md: `python -m tests.e2e.faults [--to RUNTIME] [--only PATTERN]`.

Every result is a line of the runtime's record in test-logs; `--again` leaves out what that has as passed. Exit code 1 when anything failed.
"""

from __future__ import annotations

import argparse
import json
import queue
import re
import statistics
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tests.e2e import fault_kills
from tests.e2e.fault_cases import CASES, OF_CONTAINERD, cases
from tests.e2e.fault_runtimes import CONTAINERD, RUNTIMES, Runtime
from tests.e2e.faults import Ground, fresh
from tests.lab import cluster
from tests.lab.fixtures import Lab, missing
from tests.lab.shell import LabError
from tests.lab.spec import CHECKOUT

LOGS = CHECKOUT / "test-logs"
PAGE = CHECKOUT / "docs" / "faults.md"
SCENARIOS = {
    "continued": (fault_kills.continued, fault_kills.of_apply, "`apply` killed, `apply` typed again"),
    "rolled_back": (fault_kills.rolled_back, fault_kills.of_apply, "`apply` killed, `rollback` typed on another machine"),
    "rolled_back_and_apply_typed": (
        fault_kills.rolled_back_and_apply_typed,
        fault_kills.of_rollback,
        "`rollback` killed, then `apply` typed",
    ),
}
HEAD = """# What happens when something goes wrong

Faults made on real nodes of the lab (a 1.23 cluster on dockershim, one container per machine). `make e2e-full` makes those of containerd
and writes their part of this page, `LAB_CRIO_DIR=FOLDER .venv/bin/python -m tests.e2e.faults --to crio` those of CRI-O. A fault *held*
when the command's exit code, state and text were as expected and the node compared equal: on Docker every file of /etc, the unit folders
and the kubelet's files byte for byte with mode and owner, units, annotation, cordon, pods by container ID, leases and nat rules; or on the
new runtime, verified, Docker stopped.

"""


@dataclass(frozen=True, slots=True)
class Line:
    """One result; `ended` is empty and `said` the failure when it did not hold."""

    name: str
    passed: bool
    ended: str
    code: int
    seconds: float
    said: str


def everything(runtime: Runtime) -> list[str]:
    """The names of all faults that are made with a runtime, those that take longest first."""
    kills = [f"{scenario} {point}" for scenario, (_, points, _) in SCENARIOS.items() for point in points(runtime)]
    others = [case.__name__ for case in cases(runtime)]
    return sorted(others, key=lambda name: "api_long" not in name) + kills


def one(ground: Ground, name: str) -> Line:
    """Do one fault on a whole node, and roll the node back."""
    begun = time.monotonic()
    scenario, _, point = name.partition(" ")
    if scenario in SCENARIOS:
        note = SCENARIOS[scenario][0](ground, point)
        return Line(name, True, "", 0, round(time.monotonic() - begun, 1), note)
    result = next(case for case in CASES if case.__name__ == name)(ground)
    seconds = round(time.monotonic() - begun, 1)
    ground.roll_back()
    return Line(name, True, result.state, result.code, seconds, result.said)


def work_off(lab: Lab, node: str, runtime: Runtime, names: queue.SimpleQueue[str], done: Callable[[Line], None]) -> None:
    """One node takes fault after fault; after a failure it is made again."""
    ground: Ground | None = None
    while True:
        try:
            name = names.get_nowait()
        except queue.Empty:
            return
        for attempt in (1, 2):
            try:
                ground = ground or fresh(lab, node, runtime)
                line = one(ground, name)
                break
            except (AssertionError, LabError, OSError, ValueError, KeyError) as wrong:
                ground = None
                line = Line(name, False, "", 0, 0.0, "".join(traceback.format_exception(wrong))[:8000])
                if attempt == 1 and "D2C322" in line.said:  # others drained meanwhile: a budget was exhausted
                    continue
                break
        done(line)


def main() -> int:
    """Run, record, write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.faults", description="Every fault on real nodes.")
    parser.add_argument("--to", default="containerd", choices=[one.option for one in RUNTIMES], help="the runtime to move to")
    parser.add_argument("--nodes", default="lab-w4,lab-w5,lab-w6", help="workers to use, made again first; they need not exist")
    parser.add_argument("--only", default="", metavar="PATTERN", help="only faults whose name matches")
    parser.add_argument("--again", action="store_true", help="only faults that did not pass in the last run")
    parser.add_argument("--page", action="store_true", help="only write its part of the page from what was recorded")
    asked = parser.parse_args()
    runtime = next(one for one in RUNTIMES if one.option == asked.to)
    record_of = LOGS / runtime.record
    LOGS.mkdir(exist_ok=True)
    known = recorded(runtime) if asked.again or asked.page or asked.only else {}
    names: queue.SimpleQueue[str] = queue.SimpleQueue()
    everyone = everything(runtime)
    wanted = [name for name in everyone if re.search(asked.only, name) and not (asked.again and name in known and known[name].passed)]
    if not asked.page:
        if reason := missing():
            print(reason)
            return 1
        if not known:
            record_of.unlink(missing_ok=True)
        for name in wanted:
            names.put(name)
        lock = threading.Lock()

        def done(line: Line) -> None:
            with lock, record_of.open("a", encoding="utf-8") as record:
                known[line.name] = line
                record.write(json.dumps(asdict(line)) + "\n")
                print("ok  " if line.passed else "FAIL", f"{line.seconds:6.1f} s", line.name, "" if line.passed else line.said, flush=True)

        lab = Lab(cluster.members())
        threads = [threading.Thread(target=work_off, args=(lab, node, runtime, names, done)) for node in asked.nodes.split(",")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    PAGE.write_text(page(PAGE.read_text("utf-8"), runtime, known), encoding="utf-8")
    failed = [line.name for line in known.values() if not line.passed]
    print(f"{len(known) - len(failed)} of {len(everyone)} passed; the table is in {PAGE.relative_to(CHECKOUT)}")
    return 1 if failed else 0


def recorded(runtime: Runtime) -> dict[str, Line]:
    """The last result of each fault."""
    record = LOGS / runtime.record
    if not record.exists():
        return {}
    lines = [Line(**json.loads(text)) for text in record.read_text("utf-8").splitlines()]
    everyone = everything(runtime)
    return {line.name: line for line in lines if line.name in everyone}


def page(now: str, runtime: Runtime, known: dict[str, Line]) -> str:
    """The page as it is now, with one runtime's part made again."""
    kept = {part.partition("\n")[0]: part.strip() + "\n" for part in re.split(r"(?m)^(?=## )", now)}
    titles = {one: f"## To {one.title}" for one in RUNTIMES}
    parts = {one: _part(runtime, title, known) if one is runtime else kept.get(title, "") for one, title in titles.items()}
    return HEAD + "\n".join(part for part in parts.values() if part)


def _tally(every: int, known: dict[str, Line]) -> str:
    """How much of the set was run, and how much of that held: an incomplete record says that it is one."""
    held = sum(line.passed for line in known.values())
    text = f"**{len(known)} of {every} were run, {held} of these held.**"
    if len(known) < every:
        text += " This is not the whole set, and what was run may come from several\nsittings, between which the program was changed."
    return text + "\n\n"


def _left_out(runtime: Runtime) -> str:
    """What is not of the set."""
    if runtime is CONTAINERD:
        return ""
    return f"{len(OF_CONTAINERD)} faults of containerd's own configuration, drop-ins, store and tools are not of this set.\n\n"


def _part(runtime: Runtime, title: str, known: dict[str, Line]) -> str:
    parts = [
        f"{title}\n\n",
        _tally(len(everything(runtime)), known),
        _left_out(runtime),
        "### The tool killed (kill -9)\n\n| what | points | held | seconds each: least, median, most |\n|---|---|---|---|\n",
    ]
    for scenario, (_, points_of, what) in SCENARIOS.items():
        points = points_of(runtime)
        lines = [known[name] for point in points if (name := f"{scenario} {point}") in known]
        held = [line.seconds for line in lines if line.passed]
        figures = f"{min(held):.0f}, {statistics.median(held):.0f}, {max(held):.0f}" if held else ""
        parts.append(
            f"| {what} | {len(points)} | {len(held)}{'' if len(lines) == len(points) else f' of {len(lines)} tried'} | {figures} |\n"
        )
    parts.append(
        "\nA point is a line of the node's journal, or a step of the tool's own. Seconds are those of the whole case, from `plan` to the\n"
        "comparison; on two cores that were busy with two or three nodes at once.\n\n### Everything else\n\n"
        "| fault | ended | exit code | seconds | the tool said |\n|---|---|---|---|---|\n"
    )
    for case in cases(runtime):
        line, what = known.get(case.__name__), " ".join((case.__doc__ or "").split())
        if line is None:
            parts.append(f"| {what} | not run | | | |\n")
        elif not line.passed:
            parts.append(f"| {what} | **did not hold** | | | |\n")
        else:
            said = re.sub(r"lab-w\d", "NODE", line.said).replace("|", "\\|")
            parts.append(f"| {what} | {line.ended} | {line.code} | {line.seconds:.0f} | {said[:300]} |\n")
    return "".join(parts)
