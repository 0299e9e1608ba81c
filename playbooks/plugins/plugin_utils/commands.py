"""The modules as commands of docker2cri: their arguments, the command line that each makes, and what its JSON says. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

COMMON = {
    "nodes": {"type": "list", "elements": "str"},
    "executable": {"type": "path", "default": "docker2cri"},
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "options": {"type": "list", "elements": "str", "default": []},
}
JUDGING = {"to": {"type": "str"}, "accept": {"type": "dict", "default": {}}}
ARGUMENTS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "inspect": {
        **COMMON,
        **JUDGING,
        "report": {"type": "path"},
        "fail_on": {"type": "str", "choices": ["blocker", "warning", "info", "never"]},
    },
    "plan": {
        **COMMON,
        **JUDGING,
        "plans": {"type": "path", "required": True},
        "install": {"type": "list", "elements": "str", "default": []},
        "rollout": {"type": "path"},
    },
    "apply": {
        **COMMON,
        "plan": {"type": "path", "required": True},
        "plan_digest": {"type": "str", "required": True},
        "serial": {"type": "int"},
        "on_failure": {"type": "str", "choices": ["rollback", "stop"]},
        "prepare": {"type": "bool", "default": False},
    },
    "verify": COMMON,
    "rollback": {**COMMON, "overwrite": {"type": "list", "elements": "str", "default": []}},
}
OPTIONS = ("kubeconfig", "context", "to", "fail_on", "serial", "on_failure", "install", "rollout", "overwrite")
CHECKED = {"verify": ("status",), "apply": ("apply", "--check"), "rollback": ("rollback", "--check")}  # what runs in check mode


def file_of(plans: str, digest: str) -> str:
    """The file of a plan in the folder that plans are kept in: named as its run is."""
    return os.path.join(plans, f"{digest.removeprefix('sha256:')[:12]}.json")


def command_line(name: str, given: Mapping[str, Any], *, check: bool, out: str = "") -> list[str]:
    """What is run for a module; the inventory comes on standard input, `out` is where `plan` writes its plan."""
    words = list(CHECKED.get(name, (name,)) if check else (name,))
    words += ["--output=json", "--inventory=/dev/stdin"]
    words += [f"--accept={code}={reason}" for code, reason in given.get("accept", {}).items()]
    for option in OPTIONS:
        value = given.get(option)
        values = value if isinstance(value, list) else [] if value is None else [value]
        words += [f"--{option.replace('_', '-')}={one}" for one in values]
    operands = list(given["nodes"])
    if name == "plan":
        words.append(f"--out={out}")
    if name in ("apply", "rollback"):
        words.append("--yes")
    if name == "apply":
        words += [f"--digest={given['plan_digest']}", *(["--prepare"] if given.get("prepare") and not check else [])]
        operands.insert(0, given["plan"])
    return [given["executable"], *words, *given["options"], "--", *operands]


def outcome(name: str, code: int, out: str, err: str) -> dict[str, Any]:
    """What a command told, as a module's result: `changed` and `failed` are its own words."""
    try:
        told = json.loads(out)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        said = err.strip() or f"docker2cri {name} ended with exit code {code} and wrote no JSON"
        return {"changed": False, "failed": True, "exit_code": code, "nodes": [], "msg": said}
    nodes, lines = TOLD[name](told)
    if code and name in ("inspect", "plan") and err.strip():
        lines = [*lines, err.strip()]
    changed = any(node.get("changed", False) for node in nodes) and name != "plan"
    result = {"changed": changed, "failed": code != 0, "exit_code": code, "nodes": nodes, "msg": "\n".join(lines)}
    return {**result, "plan_digest": told["digest"]} if name == "plan" else result


def diffs(plan: Mapping[str, Any], nodes: Iterable[str]) -> list[dict[str, str]]:
    """The file changes of these nodes of a plan, masked as the plan has them, as Ansible shows them."""
    wanted = set(nodes)
    return [{"prepared": f"{node['host']}:\n{text}"} for node in plan["nodes"] if node["host"] in wanted and (text := _files(node))]


def _files(node: Mapping[str, Any]) -> str:
    return "".join(f"{diff.rstrip()}\n" for step in node["steps"] if (diff := step["step"].get("diff")))


def _inspected(told: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    nodes = [
        {"node": node["host"], "state": node["state"], "blockers": node["blockers"], "warnings": node["warnings"]} for node in told["nodes"]
    ]
    return nodes, [f"{node['node']}: {node['state']} ({node['blockers']} blockers, {node['warnings']} warnings)" for node in nodes]


def _planned(told: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    nodes = [
        {
            "node": node["host"],
            "changed": bool(node["steps"]),
            "nothing": node.get("nothing", ""),
            "refusals": [f"{each['code']} {each['reason']}" for each in node["refusals"]],
        }
        for node in told["nodes"]
    ]
    files = {node["host"]: sum(bool(step["step"].get("diff")) for step in node["steps"]) for node in told["nodes"]}
    steps = {node["host"]: sum(step["step"].get("on") != "rollback" for step in node["steps"]) for node in told["nodes"]}
    return nodes, [_plan_line(node, steps[node["node"]], files[node["node"]]) for node in nodes]


def _plan_line(node: Mapping[str, Any], steps: int, files: int) -> str:
    if node["changed"]:
        return f"{node['node']}: {steps} steps, {files} files change"
    return f"{node['node']}: nothing to do: {node['nothing']}" if node["nothing"] else f"{node['node']}: refused: {_few(node['refusals'])}"


def _few(texts: Sequence[str]) -> str:
    return "; ".join(texts[:3]) + (f"; and {len(texts) - 3} more" if len(texts) > 3 else "")


def _states(told: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    nodes = [{"changed": False, **node} for node in told["nodes"]]
    return nodes, [_state_line(node) for node in nodes]


def _state_line(node: Mapping[str, Any]) -> str:
    reason = node["reason"]
    more = [f"  {word}: {reason[word]}" for word in ("now", "expected", "next") if node["exit_code"] and reason.get(word)]
    return "\n".join([f"{node['node']}: {node['state']}: {reason['seen']}", *more])


TOLD = {"inspect": _inspected, "plan": _planned, "apply": _states, "verify": _states, "rollback": _states}
