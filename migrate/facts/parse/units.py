"""systemd's own view of units: `systemctl show`."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.facts.model import Unit
from migrate.facts.parse.reading import Reading
from migrate.formats.number import whole

PREFIX = "systemctl show "


def units(reading: Reading) -> Mapping[str, Unit]:
    """Every loaded unit that was asked for, by name."""
    found = {}
    for key in reading.capture.commands:
        if key.startswith(PREFIX) and (text := reading.output(key)) is not None:
            name = key.removeprefix(PREFIX)
            found[name] = unit(reading, name, text)
    return found


def unit(reading: Reading, name: str, text: str) -> Unit:
    """One unit from `Property=value` lines; EnvironmentFiles repeats, `PATH (ignore_errors=yes)` each."""
    values: dict[str, str] = {}
    environment_files: list[str] = []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "EnvironmentFiles" and value:
            environment_files.append(value.rpartition(" (")[0] or value)
        else:
            values[key] = value
    pid = whole(values.get("MainPID") or "0")
    if pid is None:
        reading.note(PREFIX + name, f"MainPID={values['MainPID'][:40]} is no number")
    return Unit(
        name=name,
        active=values.get("ActiveState", ""),
        file_state=values.get("UnitFileState", ""),
        main_pid=pid or 0,
        files=tuple(path for path in [values.get("FragmentPath", ""), *values.get("DropInPaths", "").split()] if path),
        environment_files=tuple(environment_files),
        requires=_names(values, "Requires"),
        binds_to=_names(values, "BindsTo"),
        part_of=_names(values, "PartOf"),
        wants=_names(values, "Wants"),
        after=_names(values, "After"),
        required_by=_names(values, "RequiredBy"),
        need_daemon_reload=values.get("NeedDaemonReload") == "yes",
        limit_nofile=values.get("LimitNOFILE", ""),
        started=values.get("ExecMainStartTimestamp", ""),
    )


def _names(values: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(sorted(values.get(key, "").split()))
