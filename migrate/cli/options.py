"""Options that several commands share, in groups: a command takes the groups that it uses, and gets each as one frozen value."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from migrate.errors import UsageError
from migrate.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from migrate.run.session import Access, ReadingOptions
    from migrate.targets import Target

F = TypeVar("F", bound=Callable[..., Any])


def group(name: str, build: Callable[..., object], *options: Callable[[F], F]) -> Callable[[F], F]:
    """A decorator that gives a command some options, and their value to the command as its parameter `name`.

    `build` makes the value of what was typed, by the options' names; what cannot be used it refuses, before the command begins.
    """
    fields = tuple(signature(build).parameters)

    def decorate(command: F) -> F:
        @wraps(command)
        def collected(**given: Any) -> Any:
            return command(**{name: build(**{field: given.pop(field) for field in fields if field in given})}, **given)

        for option in reversed(options):
            collected = option(collected)
        return collected  # type: ignore[return-value]

    return decorate


@dataclass(frozen=True, slots=True)
class ReachOptions:
    """How nodes and the API are reached, as it was typed."""

    inventory: str | None
    kubeconfig: str | None
    context: str | None
    user: str | None
    key_files: tuple[str, ...]
    ssh_config: str | None
    ssh_backend: str
    host_key_checking: str | None
    ask_become_pass: bool
    become_password_file: str | None
    command_timeout: int

    def access(self) -> Access:
        """The same for those who connect; asks for the sudo password when told to. Raises UsageError."""
        from migrate.run.ports import Backend, HostKeyChecking, Secret
        from migrate.run.session import Access
        from migrate.run.ssh.config import SshFlags

        password = None
        if self.become_password_file:
            password = _secret(self.become_password_file)
        elif self.ask_become_pass:
            password = click.prompt("sudo password", hide_input=True, err=True)
        return Access(
            inventory=self.inventory,
            kubeconfig=self.kubeconfig,
            context=self.context,
            ssh=SshFlags(
                user=self.user,
                key_files=self.key_files,
                config_file=self.ssh_config,
                host_key_checking=HostKeyChecking(self.host_key_checking) if self.host_key_checking else None,
                backend=Backend(self.ssh_backend),
                become_password=Secret(password) if password is not None else None,
                command_timeout=self.command_timeout,
            ),
        )


def _seconds(option: str, least: int, default: int | str, text: str) -> Callable[[F], F]:
    """An option for a limit; `default` is told as text where it is not one number, and the option is None then."""
    known, told = (default, True) if isinstance(default, int) else (None, default)
    return click.option(option, metavar="SECONDS", type=click.IntRange(least, 86400), default=known, show_default=told, help=text)


debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an unexpected error.")

kubeconfig_options = (
    click.option("--kubeconfig", type=click.Path(), help="Kubeconfig (default: KUBECONFIG, then ~/.kube/config)."),
    click.option("--context", help="Kubeconfig context."),
)

reach_options = group(
    "reach",
    ReachOptions,
    click.option(
        "-i",
        "--inventory",
        metavar="HOST,|FILE",
        help="Ansible inventory, its --list JSON, or host1,host2, (default: the cluster's nodes).",
    ),
    *kubeconfig_options,
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
    _seconds("--command-timeout", 10, 120, "So long a node may take to be read."),
    debug_option,
)


def _reading(forks: int = 1, offline: str | None = None, config_maps: bool = False) -> ReadingOptions:
    from migrate.run.session import ReadingOptions

    return ReadingOptions(forks=forks, offline=offline, config_maps=config_maps)


_READING = {
    "forks": click.option("--forks", type=click.IntRange(1, 200), default=20, show_default=True, help="Nodes read at once."),
    "config_maps": click.option(
        "--config-maps", is_flag=True, help="Read all ConfigMaps too: scripts, log parsers, queries (a heavy list)."
    ),
    "offline": click.option(
        "--from", "offline", metavar="DIR", type=click.Path(), help="Saved readings (capture --out DIR) instead of nodes and API."
    ),
}


def reading_options(*names: str) -> Callable[[F], F]:
    """The named options of commands that read nodes: `forks`, `config_maps`, `offline`."""
    return group("reading", _reading, *(_READING[name] for name in names))


def _target_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """The name of a target; the table is read when a command runs, not when the command line starts."""
    from migrate.targets.table import TARGETS

    names = [target.name for target in TARGETS]
    if value not in names:
        raise click.BadParameter(f"{value!r} is none of {', '.join(names)}", ctx, param)
    return value


TARGET_OPTIONS = (
    click.option(
        "--to",
        "target",
        callback=_target_name,
        metavar="RUNTIME",
        default="containerd",
        show_default=True,
        help="Runtime to move to: containerd, crio.",
    ),
    click.option("--crio-defaults", is_flag=True, help="With --to crio: its own capabilities, pids limit and sysctls, not Docker's."),
)


def chosen_target(target: str, crio_defaults: bool, keep_docker: bool = False) -> Target:
    """The target that these options ask for; raises UsageError for an option of another one."""
    from migrate.targets import with_options
    from migrate.targets.table import TARGETS

    found = next(each for each in TARGETS if each.name == target)  # click checked the choice
    try:
        return with_options(found, {*(["own-defaults"] if crio_defaults else []), *(["keep-docker"] if keep_docker else [])})
    except ValueError:
        raise UsageError(seen=f"--crio-defaults with --to {target}", expected="--to crio", next="docker2cri plan --help") from None


target_options = group("target", chosen_target, *TARGET_OPTIONS)
_ACCEPT = "Accept findings of this code; the reason is kept in the plan."
accept_option = click.option("--accept", multiple=True, metavar="CODE=REASON", help=_ACCEPT)


@dataclass(frozen=True, slots=True)
class Judging:
    """What findings are asked about: the runtime to move to, what is accepted (reasons by code), the next Kubernetes minor."""

    target: Target
    accepted: Mapping[str, str]
    next_kubernetes: tuple[int, int] | None


def _judging(target: str, crio_defaults: bool, keep_docker: bool, accept: tuple[str, ...], next_kubernetes: str | None) -> Judging:
    return Judging(chosen_target(target, crio_defaults, keep_docker), dict(map(accepted, accept)), _minor(next_kubernetes))


judge_options = group(
    "judging",
    _judging,
    *TARGET_OPTIONS,
    click.option("--keep-docker", is_flag=True, help="Docker keeps running for its other users: Kubernetes alone leaves it."),
    accept_option,
    click.option(
        "--next-kubernetes", metavar="1.NN", help="Say too what an upgrade to this version would stop, minor by minor on the way."
    ),
)


def _limits(guard: int, drain_timeout: int, stop_timeout: int, verify_timeout: int | None, cri_timeout: int, settle: int) -> Limits:
    made = Limits(guard=guard, drain=drain_timeout, stop=stop_timeout, cri=cri_timeout, planes_well=settle)
    return made if verify_timeout is None else replace(made, verify_node=verify_timeout, verify_workloads=verify_timeout)


limit_options = group(
    "limits",
    _limits,
    _seconds("--guard", 30, DEFAULT.guard, "A node in the switch rolls itself back when the operator's heartbeat is missing for so long."),
    _seconds("--drain-timeout", 10, DEFAULT.drain, "A drain that has not ended after so long fails, and the node is rolled back."),
    _seconds(
        "--stop-timeout",
        10,
        DEFAULT.stop,
        "A container that has not ended after so long fails the switch, and the node is rolled back (killed with D2C139 accepted).",
    ),
    _seconds(
        "--verify-timeout",
        10,
        f"{DEFAULT.verify_node} and {DEFAULT.verify_workloads}",
        "So long the node, and then its workloads, may take to be verified.",
    ),
    _seconds("--cri-timeout", 5, DEFAULT.cri, "So long the runtime may take to answer on its CRI socket."),
    _seconds("--settle", 0, DEFAULT.planes_well, "So long all control planes must be well after one has moved, before the next begins."),
)

color_option = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True, help="Colours (NO_COLOR is honoured)."
)


def only(used: Collection[str], way: str) -> None:
    """Refuse what was typed and is not used this way of the command; `used` are parameter names. Raises UsageError."""
    context = click.get_current_context()
    for parameter in context.command.params:
        typed = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if typed and isinstance(parameter, click.Option) and parameter.name not in (*used, "debug"):
            option = parameter.opts[-1]
            raise UsageError(
                seen=f"{option} with {way}, which does not use it", expected=f"{way} without {option}", next=f"leave {option} out"
            )


def _secret(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").rstrip("\n")
    except OSError as wrong:
        raise UsageError(
            seen=f"{path}: {wrong.strerror}", expected="a readable file with the sudo password", next="repeat with -K to be asked"
        ) from wrong


def accepted(text: str) -> tuple[str, str]:
    """`CODE=REASON` taken apart; raises UsageError for no reason, and for codes that cannot be accepted."""
    from migrate.rules.table import RULES

    code, equals, reason = text.partition("=")
    found = next((rule for rule in RULES if rule.code == code), None)
    if not equals or not reason.strip():
        raise UsageError(seen=f"--accept {text}: no reason", expected='CODE="reason"', next=f'--accept {code}="why this may be"')
    if found is None or not found.acceptable:
        seen = f"--accept {code}: {'this finding cannot be accepted' if found else 'no such rule'}"
        raise UsageError(
            seen=seen, expected="the code of an acceptable finding", next=f"docker2cri explain {code}" if found else "docker2cri explain"
        )
    return code, reason.strip()


def _minor(text: str | None) -> tuple[int, int] | None:
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
