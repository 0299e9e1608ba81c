"""Things built once and kept outside the checkout, keyed by what they are made from."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .shell import LabError, run
from .spec import CACHE, PLACE

WORKING = f"lock{PLACE.suffix}"  # held by a command that changes this lab
BUILDING = "building"  # held while the things are built that all labs share


def recipe(*parts: str | Path) -> str:
    """Twelve hex digits of the texts, files and folders (with modes) that something is made from."""
    digest = hashlib.sha256()
    for part in parts:
        files = [part] if isinstance(part, Path) and part.is_file() else sorted(part.rglob("*")) if isinstance(part, Path) else []
        digest.update(part.encode() if isinstance(part, str) else part.name.encode())
        for file in files:
            if file.is_file():
                digest.update(f"{file.name} {file.stat().st_mode & 0o777:o}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def place(name: str, key: str) -> Path:
    """Where a thing of that name and recipe lies in the cache once it is built."""
    return CACHE / f"{name}-{key}"


def built(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder NAME-KEY in the cache, made by `make` in a folder beside it and renamed when whole; older keys are dropped."""
    folder = place(name, key)
    if not folder.exists():
        for left in (CACHE / "draft").glob(f"{name}.*"):
            _clear(left)
        # A killed run's children may still write into theirs, so each run has its own.
        draft = CACHE / "draft" / f"{name}.{os.getpid()}"
        draft.mkdir(parents=True)
        make(draft)
        draft.rename(folder)
        for older in CACHE.glob(f"{name}-" + "[0-9a-f]" * 12):
            if older != folder:
                shutil.rmtree(older)
    return folder


def _clear(folder: Path) -> None:
    """Remove a folder; what a killed debootstrap mounted below it is unmounted first, never emptied."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1].startswith(f"{folder}/")]
    for point in reversed(mounted):
        run("umount", point)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def only_one(name: str = WORKING, patience: float = 0.0) -> Iterator[None]:
    """Hold one of the locks: two commands that change a lab never run at once. It is waited for, `patience` seconds at most."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / name).open("w") as lock:
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= end:
                    said = f"another lab command is at work (it holds {lock.name}); wait for it to end, then type yours again"
                    raise LabError(said) from None
                time.sleep(0.2)
        yield
