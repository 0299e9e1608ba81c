"""The kubelet's side of a move to any CRI runtime: its flags in whichever file holds them, its configuration, its unit's ties to the
source.

Flags and their life spans: migrate/facts/kubelet_table.py; what is written and removed: docs/design/kubelet-flags.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from migrate.facts.kubelet_table import BOOLEANS, DOCKERSHIM_FLAGS, DOCKERSHIM_LAST, gone, knows_field
from migrate.facts.model import Kubelet, NodeFacts, Place
from migrate.facts.origin import Origin
from migrate.formats import FormatError, env_file, flags, quantity, unit_file, version, words, yaml_doc
from migrate.formats.number import whole
from migrate.targets import Edit

HARD_TIES = ("Requires", "Requisite", "BindsTo", "PartOf")
SOFT_TIES = ("Wants", "After")
PACKAGED = ("/usr/lib/systemd/system/", "/lib/systemd/system/")
INSTANCE_CONFIG = "/var/lib/kubelet/instance-config.yaml"
PREFERRED_VARIABLES = ("KUBELET_KUBEADM_ARGS", "KUBELET_ARGS", "DAEMON_ARGS", "KUBELET_EXTRA_ARGS")


@dataclass(frozen=True, slots=True)
class FlagChange:
    """What becomes of the kubelet's flags: names that go, and values that stand afterwards."""

    remove: frozenset[str]
    set: Mapping[str, str]


def flag_change(kubelet: Kubelet, endpoint: str, unit: str, origin: Origin) -> FlagChange:
    """The change of flags for a kubelet of this version; raises FormatError when the version is not known.

    Up to 1.23 both --container-runtime=remote and the endpoint are written: the endpoint alone makes dockershim listen on that path after
    unlinking the runtime's socket (Kubernetes 1.20.2 kubelet_dockershim.go). From 1.27 --container-runtime stops the kubelet (#114017).
    """
    minor = version.parse(kubelet.version).minor
    remove = set(DOCKERSHIM_FLAGS)
    wanted: dict[str, str] = {}
    if minor <= DOCKERSHIM_LAST:
        wanted["container-runtime"] = "remote"
    elif gone("container-runtime", minor):
        remove.add("container-runtime")
    elif kubelet.flag("container-runtime"):
        wanted["container-runtime"] = "remote"
    by_field = knows_field("containerRuntimeEndpoint", minor) and isinstance(kubelet.config, Mapping)
    if not by_field or kubelet.flag("container-runtime-endpoint"):
        wanted["container-runtime-endpoint"] = endpoint
    if (image := kubelet.flag("image-service-endpoint")) and origin.named_by(image.value):
        remove.add("image-service-endpoint")
    if (cgroups := kubelet.flag("runtime-cgroups")) and origin.named_by(cgroups.value):
        wanted["runtime-cgroups"] = f"/system.slice/{unit}"
    present = {flag.name for flag in kubelet.flags}
    return FlagChange(frozenset(remove & present), wanted)


def kubelet_edits(facts: NodeFacts, origin: Origin, endpoint: str, unit: str) -> tuple[Edit, ...]:
    """Every file change of the kubelet's side on this node; empty when the kubelet's command line is not known (rules say so)."""
    kubelet = facts.kubelet
    if not isinstance(kubelet, Kubelet) or not kubelet.version:
        return ()
    change = flag_change(kubelet, endpoint, unit, origin)
    config = _config_edits(facts, kubelet, origin.cgroup_driver, endpoint)
    return (*_flag_edits(facts, kubelet, change), *config, *_tie_edits(facts, origin.units, unit))


def _flag_edits(facts: NodeFacts, kubelet: Kubelet, change: FlagChange) -> tuple[Edit, ...]:
    home = {name: home_of(kubelet, name) for name in change.set}
    touched: dict[tuple[str, str | None], None] = {}
    for flag in kubelet.flags:
        if flag.name in change.remove or flag.name in change.set:
            touched.setdefault((flag.place.path, flag.place.variable))
    for place in home.values():
        touched.setdefault((place.path, place.variable))
    unit_files = set(facts.units["kubelet.service"].files)
    edits = []
    for path, variable in touched:
        here = {name: value for name, value in change.set.items() if (home[name].path, home[name].variable) == (path, variable)}
        # a flag that is set lives in one place only: its other occurrences go
        gone = change.remove | (change.set.keys() - here.keys())
        edit = _Flags(variable, frozenset(gone), here)
        rewrite = edit.in_unit if path in unit_files else edit.in_environment_file
        make = _unit_edit if path in unit_files else Edit
        edits.append(make("kubelet-flags", path, _why_flags(kubelet, change), rewrite))
    return tuple(edits)


def home_of(kubelet: Kubelet, name: str) -> Place:
    """Where a flag is written: where it wins now, else in the variable that installers keep for it, else in the last one that holds flags,
    else on the command line itself.
    """
    if flag := kubelet.flag(name):
        return flag.place
    known = {place.variable: place for place in kubelet.variables}
    others = [place for place in kubelet.variables if any(flag.place == place for flag in kubelet.flags)]
    return next((known[name] for name in PREFERRED_VARIABLES if name in known), others[-1] if others else kubelet.start)


def _why_flags(kubelet: Kubelet, change: FlagChange) -> str:
    set_text = ", ".join(f"--{name}={value}" for name, value in change.set.items())
    gone = ", ".join(f"--{name}" for name in sorted(change.remove))
    return f"kubelet {kubelet.version}: {set_text}" + (f"; without {gone}, which only dockershim read" if gone else "")


@dataclass(frozen=True, slots=True)
class _Flags:
    variable: str | None
    remove: frozenset[str]
    set: Mapping[str, str]

    def in_environment_file(self, text: str | None) -> str | None:
        name = self.variable or ""
        value = env_file.get(text or "", name)
        edited = flags.edit_flags(value or "", self.remove, self.set, BOOLEANS)
        return text if edited == (value or "") else env_file.set_value(text or "", name, edited)

    def in_unit(self, text: str | None) -> str | None:
        result = text or ""
        for entry in reversed(unit_file.parse(result)):
            if entry.section != "Service":
                continue
            if self.variable is None and entry.key == "ExecStart" and entry.value:
                result = unit_file.replace_value(result, entry, self._command(result[entry.value_start : entry.value_end]))
                break
            if self.variable is not None and entry.key == "Environment":
                result = self._environment(result, entry)
        return result

    def _command(self, raw: str) -> str:
        return flags.edit_flags(raw, self.remove, self.set, BOOLEANS, split=words.split)

    def _environment(self, text: str, entry: unit_file.UnitEntry) -> str:
        raw = text[entry.value_start : entry.value_end]
        for word in reversed(words.split(raw)):
            name, equals, value = word.text.partition("=")
            if equals and name == self.variable:
                edited = flags.edit_flags(value, self.remove, self.set, BOOLEANS)
                if edited != value:
                    raw = raw[: word.start] + words.quote(f"{name}={edited}") + raw[word.end :]
        return text if raw == text[entry.value_start : entry.value_end] else unit_file.replace_value(text, entry, raw)


def _config_edits(facts: NodeFacts, kubelet: Kubelet, driver: str | None, endpoint: str) -> tuple[Edit, ...]:
    changes: dict[tuple[str, ...], Any] = {}
    reasons = []
    config = kubelet.config
    edits: list[Edit] = []
    if not isinstance(config, Mapping) or kubelet.config_path is None:
        return ()
    minor = version.parse(kubelet.version).minor
    if knows_field("containerRuntimeEndpoint", minor) and not kubelet.flag("container-runtime-endpoint"):
        changes[("containerRuntimeEndpoint",)] = endpoint
        reasons.append(f"containerRuntimeEndpoint (a field since 1.27) = {endpoint}")
    if kubelet.setting("cgroup-driver", "cgroupDriver").place is None and driver:
        changes[("cgroupDriver",)] = driver
        reasons.append(f"cgroupDriver = {driver} as in force now: nothing derives it from Docker any more")
    rotation = _log_rotation(facts, kubelet)
    changes |= rotation
    reasons += [f"{path[0]} = {value} from Docker's log-opts, which no longer rotate the logs" for path, value in rotation.items()]
    if changes:
        edits.append(Edit("kubelet-config", kubelet.config_path, "; ".join(reasons), _yaml(changes)))
    if minor >= 32 and INSTANCE_CONFIG in facts.files and facts.files[INSTANCE_CONFIG].kind == "file":
        why = "kubeadm merges this over the kubelet's configuration (KEP-4656)"
        edits.append(Edit("kubelet-instance-config", INSTANCE_CONFIG, why, _yaml({("containerRuntimeEndpoint",): endpoint})))
    return tuple(edits)


def _log_rotation(facts: NodeFacts, kubelet: Kubelet) -> dict[tuple[str, ...], Any]:
    """log-opts max-size and max-file as kubelet fields; Docker reads `10m` as 10,000,000 bytes, so it becomes `10M`."""
    options = facts.daemon_settings.get("log-opts")
    if not isinstance(options, Mapping):
        return {}
    changes: dict[tuple[str, ...], Any] = {}
    if "max-size" in options and kubelet.setting("container-log-max-size", "containerLogMaxSize").place is None:
        changes[("containerLogMaxSize",)] = quantity.as_quantity(quantity.docker_size(str(options["max-size"])))
    if "max-file" in options and kubelet.setting("container-log-max-files", "containerLogMaxFiles").place is None:
        # the kubelet refuses fewer than 2, Docker allows 1
        files = whole(options["max-file"])
        if files is None:
            raise FormatError("quantity", f"log-opts max-file {str(options['max-file'])[:40]!r} is no number")
        changes[("containerLogMaxFiles",)] = max(2, files)
    return changes


def _yaml(changes: Mapping[tuple[str, ...], Any]) -> Callable[[str | None], str | None]:
    return lambda text: yaml_doc.edit(text or "", changes)


def _tie_edits(facts: NodeFacts, stopped: Set[str], unit: str) -> tuple[Edit, ...]:
    """The kubelet's unit without the source's: a hard tie would stop the kubelet with them, a soft one follows the new runtime."""
    found = facts.unit("kubelet.service")
    if found is None:
        return ()
    tied = {*found.requires, *found.binds_to, *found.part_of, *found.wants, *found.after} & stopped
    if not tied:
        return ()
    why = f"kubelet.service is tied to {', '.join(sorted(tied))}, which stays stopped; After= follows {unit}"
    return tuple(
        _unit_edit("kubelet-unit", path, why, lambda text: _untied(text or "", stopped, unit))
        for path in found.files
        if any(name in facts.files[path].text for name in stopped)
    )


def _untied(text: str, stopped: Set[str], unit: str) -> str:
    result = text
    for key in HARD_TIES:
        result = unit_file.remove_words(result, "Unit", key, stopped)
    for key in SOFT_TIES:
        named = [entry for entry in unit_file.parse(result) if (entry.section, entry.key) == ("Unit", key)]
        for entry in reversed(named):
            kept = [word.text for word in words.split(entry.value)]
            # of the source its services are followed, not its sockets
            moved = (unit if word in stopped and word.endswith(".service") else word for word in kept)
            replaced = list(dict.fromkeys(word for word in moved if word not in stopped))
            if replaced and replaced != kept:
                result = unit_file.replace_value(result, entry, " ".join(replaced))
        result = unit_file.remove_words(result, "Unit", key, stopped)
    return result


def _unit_edit(name: str, path: str, why: str, rewrite: Callable[[str | None], str | None]) -> Edit:
    """An edit of a unit file; a packaged one is overridden by a copy in /etc, which the next package update leaves alone."""
    for prefix in PACKAGED:
        if path.startswith(prefix):
            own = "/etc/systemd/system/" + path.removeprefix(prefix)
            return Edit(name, own, f"{why} (a copy of {path}, which a package owns)", rewrite, base=path)
    return Edit(name, path, why, rewrite)
