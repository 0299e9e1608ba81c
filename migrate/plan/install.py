"""What a node lacks before it can move, and the plan that installs it while the node serves (docs/design/install.md)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from migrate.facts.model import Unreadable
from migrate.facts.transaction import Change, Transaction
from migrate.formats import version
from migrate.plan.inputs import inputs
from migrate.plan.model import RECORD, NodePlan, PlannedStep, Refusal, without_steps
from migrate.plan.steps import BundleSource, InstalledPackage, InstallRuntime
from migrate.rules import Finding, NodeView
from migrate.rules.target import target_kubelet_mismatch, target_not_installed, target_too_old, target_tool_missing
from migrate.sources.table import source_of
from migrate.targets.bundle import fits

KUBERNETES = re.compile(r"kube(let|adm|ctl)|kubernetes-cni")  # packages that the node runs on beside those of its source


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a node lacks: the runtime itself or a fitting version of it, and (program, package) of tools; `packages` is all to ask for."""

    runtime: bool
    tools: tuple[tuple[str, str], ...]
    packages: tuple[str, ...]

    @property
    def code(self) -> str:
        """The code of the finding that says so."""
        return target_not_installed.code if self.runtime else target_tool_missing.code


class NotInstallable(ValueError):
    """Why it is not installed: what was seen, and what to do instead; with the code of the finding that stays."""

    def __init__(self, code: str, seen: str, instead: str) -> None:
        self.code, self.seen, self.instead = code, seen, instead
        super().__init__(f"{seen}; {instead}")


def lacking(view: NodeView) -> Lacking | None:
    """What is to be installed on a node that is on Docker; None when it has all, or when nobody can say what it has."""
    target, facts = view.target, view.facts
    found = target.read(facts)
    if not view.on_docker or isinstance(found, Unreadable):
        return None
    runtime = found is None or facts.unit(target.unit) is None or unfit(view, target.installed(facts)) is not None
    tools = tuple((program, package) for program, package in target.tools if facts.tools.get(program, "") is None)
    packages = ((target.package(facts),) if runtime else ()) + tuple(package for _, package in tools)
    return Lacking(runtime, tools, packages) if packages else None


def unfit(view: NodeView, text: str | None) -> str | None:
    """Why this version of the target cannot serve this node, None when it can or is not known."""
    found, kubelet = version.known(text), version.known(view.kubelet.version if view.kubelet else None)
    if found is None:
        return None
    if found < view.target.minimum:
        return f"{view.target.title} {found} is too old, docker2cri needs {view.target.minimum} or later"
    return view.target.unsupported(kubelet, found) if kubelet else None


def by_packages(view: NodeView, wanted: Lacking, answer: Transaction) -> InstallRuntime:
    """The step that a package manager's simulated answer allows; raises NotInstallable."""
    code = wanted.code
    asked = " ".join(wanted.packages)
    if answer.problem:
        raise NotInstallable(code, f"{answer.manager} cannot install {asked}: {answer.problem}", _repository(view, wanted))
    if answer.removed:
        seen = f"{answer.manager} would remove {', '.join(answer.removed)} to install {asked}"
        raise NotInstallable(code, seen, f"take packages that live beside Docker's{_or_tarball(view, wanted)}")
    if answer.held:
        seen = f"{answer.manager} would change {', '.join(answer.held)}, kept back by a hold, to install {asked}"
        raise NotInstallable(code, seen, f"ask who holds it and why, then release it{_or_tarball(view, wanted)}")
    if touched := [_told(change) for change in answer.changes if _serves(view, change, wanted)]:
        seen = f"{answer.manager} would change what the node runs on to install {asked}: {', '.join(touched)}"
        raise NotInstallable(code, seen, f"take packages that live beside Docker's{_or_tarball(view, wanted)}")
    names = {change.name for change in answer.changes}
    if answer.changes and (left := [package for package in wanted.packages if package not in names]):
        seen = f"{answer.manager} would not change {', '.join(left)} to install {asked}, but {', '.join(sorted(names))}"
        raise NotInstallable(code, seen, "look on the node which package has the program, and install it by hand")
    if not answer.changes:
        seen = f"{answer.manager} has {asked} installed, and {_programs(view, wanted)} did not answer"
        raise NotInstallable(code, seen, f"look on the node why: {_programs(view, wanted).split(', ')[0]} --version")
    runtime = next((change.after for change in answer.changes if change.name == wanted.packages[0]), None) if wanted.runtime else None
    if wrong := unfit(view, runtime):
        raise NotInstallable(code, f"{answer.manager} offers {wanted.packages[0]} {runtime}: {wrong}", _repository(view, wanted))
    return _step(
        view,
        wanted,
        manager=answer.manager,
        packages=tuple(
            InstalledPackage(name=change.name, before=change.before, after=change.after) for change in answer.changes if change.after
        ),
    )


def by_bundle(view: NodeView, wanted: Lacking, source: BundleSource, found: str, arch: str) -> InstallRuntime:
    """The step that lays a bundle's files; `found` is its version, `arch` its architecture as Go calls it.

    Raises NotInstallable where they do not fit, and where the runtime is there already in another version.
    """
    target = view.target
    if not fits(arch, view.facts.os.arch):
        raise NotInstallable(
            target_not_installed.code, f"{source.path} is for {arch}, the node is {view.facts.os.arch}", "take the tarball that fits"
        )
    if target.read(view.facts) is not None:
        seen = f"{target.title} {target.installed(view.facts)} is on the node already"
        raise NotInstallable(
            target_too_old.code, seen, "a second one beside it would come before or behind it by chance: upgrade it with --install packages"
        )
    if wrong := unfit(view, found):
        raise NotInstallable(target_kubelet_mismatch.code, f"{source.path}: {wrong}", "take the tarball of the version that fits")
    # in /usr/local/bin a second one would come before the node's own
    files = tuple(file for file in source.files if not view.facts.tools.get(posixpath.basename(file.path)))
    source = replace(source, files=files)
    programs = {posixpath.basename(file.path) for file in files}
    tools = tuple((program, package) for program, package in wanted.tools if program in programs)
    return _step(view, Lacking(True, tools, wanted.packages), bundle=source)


def without(wanted: Lacking, step: InstallRuntime) -> Lacking | None:
    """What is still lacking after a step; None for nothing."""
    tools = tuple((program, package) for program, package in wanted.tools if program not in step.programs)
    return Lacking(False, tools, tuple(package for _, package in tools)) if tools else None


def forbidding(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The blockers for which nothing is installed: the node is not ours to change, was not read, or Docker cannot be proved undisturbed.

    All others are judged when the move is planned.
    """
    return tuple(finding for finding in findings if finding.blocks and finding.forbids_install)


def install_plan(
    view: NodeView, findings: tuple[Finding, ...], steps: Iterable[InstallRuntime], refused: Iterable[NotInstallable] = ()
) -> NodePlan:
    """The plan of a node that gets what it lacks, and nothing else; without steps, and with the reasons, where that is not possible."""
    refusals = (
        *map(Refusal.by, forbidding(findings)),
        *(Refusal(code=why.code, reason=why.seen, next=why.instead) for why in refused),
    )
    given = () if refusals else tuple(steps)
    return replace(
        without_steps(view, findings, refusals=refusals),
        steps=tuple(PlannedStep(segment="prepare", step=step) for step in given),
        inputs=inputs(view.facts, ()),
        may_differ=(f"what was installed of {', '.join(step.title for step in given)} stays, stopped and disabled", RECORD)
        if given
        else (),
    )


def _step(
    view: NodeView, wanted: Lacking, manager: str = "", packages: tuple[InstalledPackage, ...] = (), bundle: BundleSource | None = None
) -> InstallRuntime:
    programs = tuple(program for program, _ in wanted.tools)
    return InstallRuntime(
        title=view.target.title if wanted.runtime else ", ".join(programs),
        unit=view.target.unit,
        cni_dir=view.facts.cni.config_dir,
        programs=((view.target.program,) if wanted.runtime else ()) + programs,
        manager=manager,
        packages=packages,
        bundle=bundle,
        why="beside Docker, which serves on: nothing is started or restarted by it",
    )


def _serves(view: NodeView, change: Change, wanted: Lacking) -> bool:
    """Whether the node runs on it meanwhile: what lies below the source only where it is not what was asked for."""
    source = source_of(view.facts)
    if source and change.name in source.beneath:
        return change.name not in wanted.packages
    return bool(KUBERNETES.fullmatch(change.name) or (source and re.fullmatch(source.packages, change.name)))


def _told(change: Change) -> str:
    return f"{change.name} {change.before or 'new'} -> {change.after}"


def _programs(view: NodeView, wanted: Lacking) -> str:
    return ", ".join([*([view.target.program] if wanted.runtime else []), *(program for program, _ in wanted.tools)])


def _repository(view: NodeView, wanted: Lacking) -> str:
    kubelet = version.known(view.kubelet.version if view.kubelet else None)
    for_it = f" for Kubernetes {kubelet.major}.{kubelet.minor}" if wanted.runtime and kubelet else ""
    what = view.target.title if wanted.runtime else ", ".join(program for program, _ in wanted.tools)
    return f"give the node a repository that has {what}{for_it}{_or_tarball(view, wanted)}"


def _or_tarball(view: NodeView, wanted: Lacking) -> str:
    """The other way, where a tarball may bring it."""
    if not wanted.runtime or view.target.read(view.facts) is not None:
        return ""
    return f"; or take the static tarball: docker2cri plan {view.target.asked} --install FILE {view.facts.host}"
