"""D2C128 and D2C129: how long the target's release is supported, and what in its files a later one no longer reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from migrate.formats import FormatError, toml_doc, version
from migrate.formats.version import Version
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.sources.table import origin_of
from migrate.targets.compose import compose
from migrate.targets.releases import supported


@node_rule("D2C128", "target-release-ended", Severity.INFO, always=True)
def target_release_ended(view: NodeView) -> Iterator[Seen]:
    """The project of the target supports its release no longer.

    Why: it gets no fixes from its project any more, for security neither. A distribution may go on with its own package.

    Remedy: Take a release that is supported, unless your distribution maintains its package. Kubelets up to 1.22 work with containerd 1.x
    alone:

        apt-cache madison PACKAGES     # on the node

    Sources: containerd RELEASES.md (Current State of containerd Releases) at v2.4.2.
    """
    found, ends = _installed(view), view.target.ends
    today = datetime.fromtimestamp(view.facts.taken, UTC).date()
    end = ends.get(found.release) if found else None
    if found and end and end < today:
        told = f"its project supported it until {end}; on {today} it supports {supported(ends, today)}"
        yield Seen(f"{view.target.title} {found}", told)


@node_rule("D2C129", "target-key-retired", Severity.WARNING, always=True)
def target_key_retired(view: NodeView) -> Iterator[Seen]:
    """A file of the target has a key that a later release, or the installed one, does not read.

    Why: the target ignores the key with a warning in its log, and its own dump of the configuration succeeds. The default is in force then.

    Remedy: Write what the evidence names, before the upgrade. The target tells in its log what it ignores:

        journalctl -u UNIT | grep -i -e ignoring -e deprecat     # on the node

    Sources: containerd RELEASES.md (Deprecated config properties) at v2.4.2.
    """
    found = _installed(view)
    if found is None:
        return
    for path, text in _files(view):
        try:
            values = toml_doc.load(text)
        except FormatError:
            continue  # D2C103 and D2C606 tell
        for retired in view.target.retired:
            since = f"{retired.gone[0]}.{retired.gone[1]}"
            when = f"{view.target.title} {found} does not read it" if found.release >= retired.gone else f"{since} and later do not read it"
            for key in retired.found(values):
                yield Seen(".".join(key[2:]), f"{path}: {when}: {retired.otherwise}; instead: {retired.instead}")


def _installed(view: NodeView) -> Version | None:
    return version.known(view.target.installed(view.facts))


def _files(view: NodeView) -> Iterator[tuple[str, str]]:
    """The target's own files, as they will be where the plan changes them."""
    changes = compose(view.target, view.facts, origin_of(view.facts))[0] if view.on_docker and view.target.retired else ()
    planned = {change.path: change.after.decode() for change in changes}
    for path in view.target.reads(view.facts):
        reading = view.facts.files.get(path)
        if path in planned:
            yield path, planned[path]
        elif reading is not None and reading.data is not None and not reading.truncated:
            yield path, reading.text
