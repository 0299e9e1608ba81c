"""The step that has planned files read before anything stops, with the values that must be found in what is made of them."""

from __future__ import annotations

from migrate.plan.steps import PlannedValue, Step, ValidateFiles
from migrate.targets import Target
from migrate.targets.compose import FileChange

CONFIG = "runtime-config"  # the edit of the new runtime's own files, which it reads before anything stops
UNIT_FOLDER = "/systemd/system/"  # in the path of every unit file and drop-in that systemd reads


def validation(changes: tuple[FileChange, ...], config: str, others: tuple[str, ...], edited: list[str], target: Target) -> list[Step]:
    """Have the new files read before anything stops, where there is anything to read: `config` with the `others` that it imports."""
    readers = [f"{target.title} reads the new {' and '.join(edited)}"] if config else []
    if any(UNIT_FOLDER in change.path for change in changes):
        readers.append("systemd reads the new unit files")
    why = "a file that is refused stops nothing yet"
    held = {key: value for change in changes for key, value in change.values.items()} if config else {}
    values = tuple(PlannedValue(key=key, value=tuple(value) if isinstance(value, list) else value) for key, value in held.items())
    return [ValidateFiles(config=config, files=others, values=values, readers=tuple(readers), why=why)] if readers else []
