"""Official static tarballs: which of their members a node gets, and where. What a tarball has besides is left out on purpose."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# What `uname -m` says, and what Go and the projects' file names call it
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}
WRITTEN_MODE = "644"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a tarball: its name there, where it goes, its octal mode, the other names that it has in some versions.

    `needed`: without it the tarball is not what it is taken for.
    """

    name: str
    path: str
    mode: str = "755"
    needed: bool = True
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """The tarball of one runtime: its members, and files written beside them.

    `named` is a pattern of its file name with the groups `version` and `arch`, `example` such a name; `refused` are patterns of other
    names that the project uses, each with why such a file is not taken and what to take. `written` are (path, text) of files that the
    tarball lacks and a node needs: its unit.
    """

    title: str
    named: str
    example: str
    members: tuple[Member, ...]
    written: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Name:
    """What a tarball's file name tells: its layout, the version ("1.23.5"), the architecture as Go calls it ("amd64")."""

    layout: Layout
    version: str
    arch: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A member as a tarball lists it: `kind` is `file` or what else it is, in words; `size` in bytes and `sha256` are of a file."""

    name: str
    kind: str
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFile:
    """A file that a node gets: the member that it is (empty: the layout's own text), its path, SHA-256, octal mode, size in bytes."""

    member: str
    path: str
    sha256: str
    mode: str
    size: int


def read_name(name: str, layouts: Sequence[Layout]) -> Name:
    """What a file name tells; raises ValueError with the reason where it is none that these layouts know."""
    for layout in layouts:
        found = re.fullmatch(layout.named, name)
        if found and found["arch"] in ARCHITECTURES.values():
            return Name(layout, found["version"], found["arch"])
        if found:
            raise ValueError(f"{name} is for {found['arch']}; known are {', '.join(ARCHITECTURES.values())}")
        for pattern, why in layout.refused:
            if re.fullmatch(pattern, name):
                raise ValueError(f"{name} {why}")
    known = " or ".join(f"{layout.title}'s is named like {layout.example}" for layout in layouts)
    raise ValueError(f"the name {name} tells neither version nor architecture: {known}")


def fits(arch: str, machine: str) -> bool:
    """Whether a tarball of this architecture ("amd64") runs on a machine that calls itself so (`uname -m`: "x86_64")."""
    return ARCHITECTURES.get(machine) == arch


def wanted(layout: Layout) -> frozenset[str]:
    """The names of all members that a layout may take."""
    return frozenset(name for member in layout.members for name in (member.name, *member.also))


def bundle_files(layout: Layout, listed: Iterable[Listed]) -> tuple[BundleFile, ...]:
    """The files that a node gets, in the layout's order; raises ValueError with the reason where the tarball is not the layout's."""
    names = wanted(layout)
    found: dict[str, Listed] = {}
    for member in listed:
        plain = posixpath.normpath(member.name).lstrip("/")
        if plain not in names:
            continue
        if member.name != plain:
            raise ValueError(f"its member {member.name!r} is not named {plain}")
        if plain in found:
            raise ValueError(f"it has two members named {plain}")
        if member.kind != "file":
            raise ValueError(f"its member {plain} is a {member.kind}, expected a file")
        if not member.size:
            raise ValueError(f"its member {plain} is empty")
        found[plain] = member
    taken = tuple(file for member in layout.members if (file := _file(layout, member, found)))
    return (*taken, *(_written(path, text) for path, text in layout.written))


def _file(layout: Layout, member: Member, found: dict[str, Listed]) -> BundleFile | None:
    same = next((found[name] for name in (member.name, *member.also) if name in found), None)
    if same is not None:
        return BundleFile(member=same.name, path=member.path, sha256=same.sha256, mode=member.mode, size=same.size)
    if member.needed:
        raise ValueError(f"it has no member {member.name}, which {layout.title} needs")
    return None


def _written(path: str, text: str) -> BundleFile:
    data = text.encode()
    return BundleFile(member="", path=path, sha256=hashlib.sha256(data).hexdigest(), mode=WRITTEN_MODE, size=len(data))
