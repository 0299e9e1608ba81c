"""Options that several commands share, and what is made of them; how results and messages leave the process."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migrate.errors import UsageError, worst

if TYPE_CHECKING:
    from migrate.plan.model import Plan
    from migrate.report.style import Style
    from migrate.rules.judge import Inspected
    from migrate.run.session import Access, Look
    from migrate.targets import Target

F = TypeVar("F", bound=Callable[..., Any])


def access_options(command: F) -> F:
    """The options that say how nodes and the API are reached; the same in every command."""
    options = [
        click.option(
            "-i",
            "--inventory",
            metavar="HOST,|FILE",
            help="Ansible inventory, its --list JSON, or host1,host2, (default: the cluster's nodes).",
        ),
        click.option("--kubeconfig", type=click.Path(), help="Kubeconfig (default: KUBECONFIG, then ~/.kube/config)."),
        click.option("--context", help="Kubeconfig context."),
        click.option("-u", "--user", help="Log in as this user."),
        click.option("--private-key", "key_files", multiple=True, type=click.Path(), help="Private key to log in with."),
        click.option("--ssh-config", "ssh_config", type=click.Path(), help="ssh configuration instead of ~/.ssh/config."),
        click.option(
            "--ssh-backend", type=click.Choice(["paramiko", "openssh"]), default="paramiko", show_default=True, help="Who speaks SSH."
        ),
        click.option(
            "--host-key-checking",
            type=click.Choice(["strict", "accept-new", "off"]),
            help="Unknown host keys (default: ssh's own word, else strict).",
        ),
        click.option("-K", "--ask-become-pass", is_flag=True, help="Ask for the sudo password once."),
        click.option("--become-password-file", type=click.Path(), help="File that holds the sudo password."),
        click.option("--forks", type=click.IntRange(1, 200), default=20, show_default=True, help="Nodes read at once."),
        click.option("--config-maps", is_flag=True, help="Read all ConfigMaps too: scripts, log parsers, queries (a heavy list)."),
        click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an unexpected error."),
        click.option(
            "--from", "offline", metavar="DIR", type=click.Path(), help="Saved readings (capture -o DIR) instead of nodes and API."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


color_option = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True, help="Colours (NO_COLOR is honoured)."
)


_TARGET_OPTIONS = (
    click.option(
        "--to", "target", type=click.Choice(["containerd", "crio"]), default="containerd", show_default=True, help="Runtime to move to."
    ),
    click.option(
        "--crio-defaults",
        is_flag=True,
        help="With --to crio: its own capabilities, pids limit and sysctls, not Docker's.",
    ),
)


def target_options(command: F) -> F:
    """The options that choose the runtime to move to."""
    for option in reversed(_TARGET_OPTIONS):
        command = option(command)
    return command


def chosen_target(target: str, crio_defaults: bool) -> Target:
    """The target that `target_options` ask for; raises UsageError for CRI-O's defaults without CRI-O."""
    from migrate.targets.crio import CRIO, CRIO_OWN_DEFAULTS
    from migrate.targets.table import target_named

    if crio_defaults and target != CRIO.name:
        raise UsageError(seen=f"--crio-defaults with --to {target}", expected="--to crio", next="docker2cri plan --help")
    found = target_named(CRIO_OWN_DEFAULTS.name if crio_defaults else target)
    assert found is not None  # click checked the choice
    return found


def judge_options(command: F) -> F:
    """The options of commands that judge."""
    options = [
        *_TARGET_OPTIONS,
        click.option(
            "--accept", multiple=True, metavar="CODE=REASON", help="Accept blockers of this code; the reason is kept in the plan."
        ),
        click.option(
            "--next-kubernetes", metavar="1.NN", help="Say too what an upgrade to this version would stop, minor by minor on the way."
        ),
        color_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def inspected(nodes: tuple[str, ...], options: dict[str, Any], *, redacted: bool = False) -> tuple[Target, Look, tuple[Inspected, ...]]:
    """Read what was asked for and judge it: the target, the look, every machine with its findings. Raises MigrateError."""
    from migrate.rules.judge import judge
    from migrate.run.session import look

    target = chosen_target(options["target"], options["crio_defaults"])
    reasons = dict(reason(text) for text in options["accept"])
    wanted = next_kubernetes(options["next_kubernetes"])
    seen = look(access(options), nodes, notice)
    if wanted is not None:
        refuse_older(wanted, seen)
    machines = [(one.host, one.capture, one.node, one.error) for one in seen.machines]
    return target, seen, judge(seen.cluster, machines, target, reasons, redacted=redacted, next_kubernetes=wanted)


def access(options: dict[str, Any]) -> Access:
    """The connection options as one value; asks for the sudo password when told to. Raises UsageError."""
    from migrate.run.ports import Backend, HostKeyChecking, Secret
    from migrate.run.session import Access
    from migrate.run.ssh.config import SshFlags

    password = None
    if options["become_password_file"]:
        password = read_secret(options["become_password_file"])
    elif options["ask_become_pass"]:
        password = click.prompt("sudo password", hide_input=True, err=True)
    checking = options["host_key_checking"]
    return Access(
        inventory=options["inventory"],
        kubeconfig=options["kubeconfig"],
        context=options["context"],
        ssh=SshFlags(
            user=options["user"],
            key_files=options["key_files"],
            config_file=options["ssh_config"],
            host_key_checking=HostKeyChecking(checking) if checking else None,
            backend=Backend(options["ssh_backend"]),
            become_password=Secret(password) if password is not None else None,
        ),
        forks=options["forks"],
        offline=options["offline"],
        config_maps=options["config_maps"],
    )


def read_secret(path: str) -> str:
    """The first line of a password file; raises UsageError."""
    try:
        return Path(path).read_text("utf-8").rstrip("\n")
    except OSError as wrong:
        raise UsageError(
            seen=f"{path}: {wrong.strerror}", expected="a readable file with the sudo password", next="repeat with -K to be asked"
        ) from wrong


def reason(text: str) -> tuple[str, str]:
    """`CODE=REASON` taken apart; raises UsageError for no reason, and for codes that cannot be accepted."""
    from migrate.rules.table import RULES

    code, equals, reason = text.partition("=")
    found = next((rule for rule in RULES if rule.code == code), None)
    if not equals or not reason.strip():
        raise UsageError(seen=f"--accept {text}: no reason", expected='CODE="reason"', next=f'--accept {code}="why this may be"')
    if found is None or not found.acceptable:
        seen = f"--accept {code}: {'this finding cannot be accepted' if found else 'no such rule'}"
        raise UsageError(
            seen=seen, expected="the code of an acceptable blocker", next=f"docker2cri explain {code}" if found else "docker2cri explain"
        )
    return code, reason.strip()


def next_kubernetes(text: str | None) -> tuple[int, int] | None:
    """`1.NN` as (major, minor), None where none was asked about; raises UsageError for what the kubelet's table does not reach."""
    from migrate.facts.kubelet_table import FIRST, LAST

    found = re.fullmatch(r"v?1\.([0-9]{1,2})(\.[0-9]+)?", text or "")
    if text is not None and (found is None or not FIRST <= int(found[1]) <= LAST):
        raise UsageError(
            seen=f"--next-kubernetes {text}: no version that docker2cri knows",
            expected=f"a minor version from 1.{FIRST} to 1.{LAST}",
            next=f"--next-kubernetes 1.{LAST}",
        )
    return (1, int(found[1])) if found else None


def refuse_older(wanted: tuple[int, int], seen: Look) -> None:
    """Raise UsageError when a node's kubelet is of a later version already."""
    from migrate.facts.model import Kubelet
    from migrate.formats import FormatError, version

    for machine in seen.machines:
        kubelet = machine.facts.kubelet if machine.facts else None
        try:
            has = version.parse(kubelet.version) if isinstance(kubelet, Kubelet) else None
        except FormatError:
            continue  # a finding of its own
        if has is not None and has.release > wanted:
            asked = f"{wanted[0]}.{wanted[1]}"
            raise UsageError(
                seen=f"--next-kubernetes {asked}: the kubelet of {machine.host} is v{has} already",
                expected=f"1.{has.minor} or later",
                next=f"--next-kubernetes 1.{has.minor + 1}",
            )


def tell(seen: Look, codes: list[int]) -> int:
    """Say what concerns no single node, and give the exit code of all."""
    if seen.cluster_error is not None:
        click.echo(str(seen.cluster_error), err=True)
        codes.append(seen.cluster_error.exit_code)
    for message in seen.strangers:
        click.echo(message, err=True)
    return worst([*codes, *(machine.exit_code for machine in seen.machines)])


def style(color: str, output: str | None) -> Style:
    """How text is put on standard output: colours only on a terminal, NO_COLOR honoured; 100 columns where there is none."""
    from migrate.report.style import Style

    terminal = output is None and sys.stdout.isatty()
    wanted = color == "always" or (color == "auto" and terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
    return Style(width=min(shutil.get_terminal_size((100, 24)).columns if terminal else 100, 140), color=wanted)


def notice(text: str) -> None:
    """Say on a terminal what is waited for."""
    if sys.stderr.isatty():
        click.echo(f"... {text}", err=True)


def result(text: str, output: str | None) -> None:
    """Print a result, or write it to the file that was asked for."""
    if output is None:
        show(text)
    else:
        write(output, text)


def show(text: str) -> None:
    """Print a text as it is: where colours are not wanted it has none."""
    click.echo(text, nl=False, color=True)


def write(path: str, text: str) -> None:
    """Write a file whole, 0600; raises UsageError."""
    from migrate.run.store import put

    try:
        put(Path(path), text.encode())
    except OSError as wrong:
        raise UsageError(seen=f"{path}: {wrong.strerror}", expected="a file that can be written", next="name another file") from wrong


def load_plan(path: str) -> Plan:
    """A plan file; raises UsageError for one that cannot be used."""
    from migrate.plan import model

    try:
        return model.load_plan(Path(path).read_text("utf-8"))
    except OSError as wrong:
        raise UsageError(
            seen=f"{path}: {wrong.strerror}", expected="a plan that docker2cri wrote", next="docker2cri plan -o FILE"
        ) from wrong
    except ValueError as wrong:
        raise UsageError(seen=f"{path}: {wrong}", expected="a plan as docker2cri wrote it", next=f"docker2cri plan -o {path}") from wrong
