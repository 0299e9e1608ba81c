"""Where a node of a run stands: by its own journal and the mark on its Node, and by looking at its workloads. Nothing is changed."""

from __future__ import annotations

from migrate.errors import MigrateError
from migrate.plan.journal import Progress
from migrate.plan.mark import Mark
from migrate.run.back import DOCKER
from migrate.run.identity import Identity
from migrate.run.work import SETTLED, Outcome, Work


def verified(work: Work) -> Outcome:
    """Look whether the node and its workloads are on the runtime that the run left it on; exit code 8 when they are not."""
    progress = work.progress()
    new = progress.direction == "forward" and "switch" in progress.finished
    prefix = work.target.prefix if new else DOCKER
    runtime = work.target.title if new else "Docker"
    wrong = work.proved_a(prefix) or work.proved_b(prefix)
    if wrong is not None:
        return work.outcome(
            "failed",
            8,
            f"not verified on {runtime}: {wrong}",
            expected=f"a Ready node with its pods on {runtime}",
            next=f"docker2cri status {work.plan.host}",
        )
    return Outcome(work.plan.host, "new" if new else "old", f"verified on {runtime}", 0)


def standing(work: Work) -> tuple[str, int]:
    """Where one node stands, in words with the next command, and the exit code of that: 6 for one that waits for somebody."""
    progress = work.progress()
    if progress.last is None:
        return f"{work.plan.host}: run {work.run} laid its plan here and has begun nothing", 0
    try:
        mark, seen = work.marked(), ""
    except MigrateError as wrong:
        mark, seen = None, f"\n  the API was not asked: {wrong.seen}"
    text, code = _sentence(work, progress, mark)
    told = dict(line.split("=", 1) for line in work.remote.verb("status").stdout.decode("utf-8", "replace").splitlines() if "=" in line)
    if told.get("holder"):
        seen += f"\n  acts on it now: {told['holder']}"
    holder = work.remote.holder()
    if holder and not Identity.dead(holder):
        seen += f"\n  operator: {Identity.words(holder)}"
    about = ", ".join(f"{name} {told.get(name, 'unknown')}" for name in ("guard", "gate", "docker", "generation"))
    return f"{work.plan.host}: {text}{seen}\n  run {work.run}: {about}; last: {told.get('last', '')}", code


def _sentence(work: Work, progress: Progress, mark: Mark | None) -> tuple[str, int]:
    host, target = work.plan.host, work.target.title
    back, on = f"\n  next: docker2cri rollback {host}", "\n  next: docker2cri apply with the same plan, which goes on"
    if progress.restored:
        if mark is not None:
            return f"old on the node and not settled ({work.why()}): it is cordoned by this run{back}, which verifies and uncordons it", 6
        return f"old: restored ({work.why()})", 0
    if progress.parked is not None:
        return f"parked: {progress.parked}{back}", 6
    if progress.direction == "back":
        return f"on its way back ({work.why()}){back}, which goes on", 0
    if mark is None and SETTLED in progress.notes:
        return f"new: runs on {target}, verified", 0
    or_back = f"{on}; or docker2cri rollback {host}"
    if progress.disarmed:
        return f"runs on {target}, verified while cordoned; its workloads are not verified yet{or_back}", 0
    if "switch" in progress.finished:
        return f"switched to {target}, not verified yet; its guard is armed{or_back}", 0
    if work.switching(progress):
        return f"in the middle of the switch to {target}; its guard is armed{or_back}", 0
    if not work.plan.moves and "prepare" in progress.finished:
        return f"has what it lacked, and runs on Docker as before\n  next: {work.move}", 0
    return f"prepared, on Docker{', cordoned by this run' if mark else ''}{or_back}", 0
