"""The command line: options -> one call -> report -> exit code. Everything heavy is imported inside the commands."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migrate import __version__
from migrate.errors import MigrateError, StalePlan, UsageError, worst

if TYPE_CHECKING:
    from migrate.plan.model import NodePlan, Plan
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
        click.option(
            "--from", "offline", metavar="DIR", type=click.Path(), help="Saved readings (capture -o DIR) instead of nodes and API."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def judge_options(command: F) -> F:
    """The options of commands that judge."""
    options = [
        click.option(
            "--to", "target", type=click.Choice(["containerd"]), default="containerd", show_default=True, help="Runtime to move to."
        ),
        click.option(
            "--accept", multiple=True, metavar="CODE=REASON", help="Accept blockers of this code; the reason is kept in the plan."
        ),
        click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="What is printed."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            show_default=True,
            help="Colours (NO_COLOR is honoured).",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "DOCKER2CRI", "max_content_width": 100})
@click.version_option(__version__, prog_name="docker2cri")
def cli() -> None:
    """Take a Kubernetes cluster off Docker: inspect it, plan the move of each node to containerd, with the way back."""


@cli.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@judge_options
@click.option("--info", "show_info", is_flag=True, help="Show info findings too.")
@click.option(
    "--fail-on",
    type=click.Choice(["blocker", "warning", "info", "never"]),
    default="blocker",
    show_default=True,
    help="Findings that exit with 3.",
)
@click.option("-o", "--output", type=click.Path(), help="Write the report to this file.")
def inspect(nodes: tuple[str, ...], form: str, color: str, show_info: bool, fail_on: str, output: str | None, **options: Any) -> int:
    """Say what would break when nodes leave Docker. Reads; changes nothing."""
    from migrate.report.inspect_text import inspect_text
    from migrate.report.json_v1 import inspect_json

    target, seen, found = _inspected(nodes, options, redacted=form == "json")
    if form == "json":
        _result(inspect_json(found, target.name), output)
    else:
        _result(inspect_text(found, target.name, _style(color, output), show_info=show_info), output)
    return _tell(seen, [_weight(found, fail_on)])


@cli.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@judge_options
@click.option("-o", "--output", type=click.Path(), help="Write the plan to this file (JSON).")
@click.option("--no-diff", is_flag=True, help="Leave the file diffs out of the text.")
@click.option(
    "--check", "checked", type=click.Path(), metavar="PLAN", help="Read the nodes of a saved plan again and tell what moved since."
)
def plan(nodes: tuple[str, ...], form: str, color: str, output: str | None, no_diff: bool, checked: str | None, **options: Any) -> int:
    """Say exactly what a migration would do to each node, and how the way back would go. Reads; changes nothing on nodes."""
    from migrate.plan.build import build_plan
    from migrate.plan.model import FORMAT, Plan, dump_plan, sealed
    from migrate.report.plan_text import plan_text

    if checked is not None:
        return _check(checked, nodes, color, options)
    target, seen, found = _inspected(nodes, options)
    made = sealed(
        Plan(
            format=FORMAT,
            tool=__version__,
            target=target.name,
            server=seen.cluster.server if seen.cluster else "",
            nodes=tuple(build_plan(one.view, one.findings) for one in found if one.view is not None),
        )
    )
    if output is not None:
        _write(output, dump_plan(made))
    click.echo(dump_plan(made) if form == "json" else plan_text(made, _style(color, None), diffs=not no_diff), nl=False)
    if output is not None:
        click.echo(f"The plan is in {output}. Whether it still holds later: docker2cri plan --check {output}", err=True)
    for one in found:
        if one.error:
            click.echo(one.error, err=True)
    return _tell(seen, [3 if node.refusals else 0 for node in made.nodes])


@cli.command()
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@click.option("-o", "--output", required=True, type=click.Path(), metavar="DIR", help="Directory for HOST.capture.json and cluster.json.")
def capture(nodes: tuple[str, ...], output: str, **options: Any) -> int:
    """Save the raw reading of nodes and of the API, redacted: support bundle, offline input, test fixture."""
    from migrate.facts.redact import redact, redact_cluster
    from migrate.run.session import look
    from migrate.run.store import save

    seen = look(_access(options), nodes, _notice)
    captures = [redact(machine.capture) for machine in seen.machines if machine.capture is not None]
    written = save(Path(output), captures, redact_cluster(seen.cluster) if seen.cluster else None)
    for path in written:
        click.echo(str(path))
    for machine in seen.machines:
        if machine.error:
            click.echo(str(machine.error), err=True)
    return _tell(seen, [])


@cli.command()
@click.argument("code", required=False)
def explain(code: str | None) -> int:
    """Say what a finding means, why it matters and what to do; without CODE, list all rules."""
    from migrate.report.rules_page import explain as page
    from migrate.report.rules_page import listing
    from migrate.rules.table import RULES

    if code is None:
        click.echo(listing(RULES), nl=False)
        return 0
    found = next((rule for rule in RULES if code.upper() == rule.code or code == rule.slug), None)
    if found is None:
        raise UsageError(seen=f"{code}: no such rule", expected="a code such as D2C301, or a rule's name", next="docker2cri explain")
    click.echo(page(found), nl=False)
    return 0


def _inspected(nodes: tuple[str, ...], options: dict[str, Any], *, redacted: bool = False) -> tuple[Target, Look, tuple[Inspected, ...]]:
    from migrate.rules.judge import judge
    from migrate.run.session import look
    from migrate.targets.table import target_named

    target = target_named(options["target"])
    assert target is not None  # click checked the choice
    reasons = dict(_reason(text) for text in options["accept"])
    seen = look(_access(options), nodes, _notice)
    return (
        target,
        seen,
        judge(seen.cluster, [(one.host, one.capture, one.node, one.error) for one in seen.machines], target, reasons, redacted=redacted),
    )


def _check(path: str, nodes: tuple[str, ...], color: str, options: dict[str, Any]) -> int:
    from migrate.plan.inputs import inputs, moved
    from migrate.report.plan_text import moved_text
    from migrate.run.session import look

    saved = _load_plan(path)
    planned = [node for node in saved.nodes if not nodes or node.host in nodes or node.node in nodes]
    seen = look(_access(options), [node.host for node in planned], _notice)
    facts = {machine.host: machine.facts for machine in seen.machines}
    style = _style(color, None)
    stale = []
    for node in planned:
        fresh = facts.get(node.host)
        if fresh is None:
            continue
        found = moved(node.inputs, inputs(fresh, _edited(node)))
        click.echo(
            moved_text(node.host, found, style) if found else f"{node.host}: the plan holds, {len(node.inputs)} things are as planned"
        )
        stale += [node.host] if found else []
    for machine in seen.machines:
        if machine.error:
            click.echo(str(machine.error), err=True)
    if stale:
        again = f"docker2cri plan --to {saved.target} {' '.join(stale)} -o {path}"
        click.echo(
            str(StalePlan(seen=f"{path} no longer holds for {', '.join(stale)}", expected="nodes as they were planned", next=again)),
            err=True,
        )
    return _tell(seen, [StalePlan.exit_code if stale else 0])


def _edited(node: NodePlan) -> list[str]:
    from migrate.plan.steps import WriteFile

    return [one.step.path for one in node.steps if isinstance(one.step, WriteFile)]


def _load_plan(path: str) -> Plan:
    from migrate.plan.model import load_plan

    try:
        return load_plan(Path(path).read_text("utf-8"))
    except OSError as wrong:
        raise UsageError(
            seen=f"{path}: {wrong.strerror}", expected="a plan that docker2cri wrote", next="docker2cri plan -o FILE"
        ) from wrong
    except ValueError as wrong:
        raise UsageError(seen=f"{path}: {wrong}", expected="a plan as docker2cri wrote it", next=f"docker2cri plan -o {path}") from wrong


def _access(options: dict[str, Any]) -> Access:
    from migrate.run.ports import Backend, HostKeyChecking, Secret
    from migrate.run.session import Access
    from migrate.run.ssh_config import SshFlags

    password = None
    if options["become_password_file"]:
        password = _read_secret(options["become_password_file"])
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
    )


def _read_secret(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").rstrip("\n")
    except OSError as wrong:
        raise UsageError(
            seen=f"{path}: {wrong.strerror}", expected="a readable file with the sudo password", next="repeat with -K to be asked"
        ) from wrong


def _reason(text: str) -> tuple[str, str]:
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


def _weight(nodes: tuple[Inspected, ...], fail_on: str) -> int:
    from migrate.rules import Severity

    if fail_on == "never":
        return 0
    limit = Severity(fail_on).rank
    return 3 if any(one.severity.rank <= limit and one.accepted is None for node in nodes for one in node.findings) else 0


def _tell(seen: Look, codes: list[int]) -> int:
    """Say what concerns no single node, and give the exit code of all."""
    if seen.cluster_error is not None:
        click.echo(str(seen.cluster_error), err=True)
        codes.append(seen.cluster_error.exit_code)
    for message in seen.strangers:
        click.echo(message, err=True)
    return worst([*codes, *(machine.exit_code for machine in seen.machines)])


def _style(color: str, output: str | None) -> Style:
    from migrate.report.style import Style

    terminal = output is None and sys.stdout.isatty()
    wanted = color == "always" or (color == "auto" and terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
    return Style(width=min(shutil.get_terminal_size((100, 24)).columns if terminal else 100, 140), color=wanted)


def _notice(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"... {text}", err=True)


def _result(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)


def _write(path: str, text: str) -> None:
    from migrate.run.store import put

    put(Path(path), text)


def main() -> None:
    """The console script: every failure one message on standard error, and the documented exit code."""
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(2)
    except MigrateError as wrong:
        click.echo(str(wrong), err=True)
        sys.exit(wrong.exit_code)
    except KeyboardInterrupt:
        click.echo("interrupted; nothing was changed", err=True)
        sys.exit(130)
