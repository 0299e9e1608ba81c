"""What every module does: it runs docker2cri on the controller with the play's inventory, and hands on what its JSON says."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from typing import Any

from ansible import context
from ansible.constants import MAGIC_VARIABLE_MAPPING
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible_collections.docker2cri.docker2cri.plugins.plugin_utils.commands import ARGUMENTS, command_line, diffs, file_of, outcome
from ansible_collections.docker2cri.docker2cri.plugins.plugin_utils.inventory import inventory_text, secrets


class CommandAction(ActionBase):
    """An action plugin of this collection says with `command` which command of docker2cri it is."""

    command = ""
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the command and give its result; in check mode the command changes nothing."""
        super().run(tmp, task_vars)
        name = self.command
        given = self.validate_argument_spec(ARGUMENTS[name])[1]
        variables = task_vars or {}
        given["nodes"] = given["nodes"] or [variables["inventory_hostname"]]
        inventory = self._inventory(given["nodes"], variables)
        result = self._planned(given, inventory) if name == "plan" else self._told(name, given, inventory)
        return dict(remove_values(result, secrets(inventory)))

    def _inventory(self, nodes: list[str], variables: dict[str, Any]) -> str:
        options, hosts = context.CLIARGS, variables["hostvars"]
        defaults = {
            "ansible_user": self._task.remote_user,
            "ansible_password": self._typed("password", variables),
            "ansible_ssh_private_key_file": options.get("private_key_file"),
            "ansible_become_password": self._typed("become_pass", variables),
            "ansible_ssh_common_args": options.get("ssh_common_args"),
            "ansible_ssh_extra_args": options.get("ssh_extra_args"),
        }
        if unknown := [node for node in nodes if node not in hosts]:
            raise AnsibleActionFail(f"nodes: {', '.join(unknown)}: not in the inventory")
        return inventory_text(nodes, hosts, defaults)

    def _typed(self, password: str, variables: dict[str, Any]) -> str | None:
        """A password as it was typed. Ansible puts the current host's own in its place, which is for no other host; then it is unknown."""
        own = any(name in variables for name in MAGIC_VARIABLE_MAPPING[password])
        return None if own else getattr(self._play_context, password)

    def _told(self, name: str, given: dict[str, Any], inventory: str) -> dict[str, Any]:
        if name == "apply" and os.path.isdir(given["plan"]):
            given["plan"] = file_of(given["plan"], given["plan_digest"])
        result = self._outcome(name, command_line(name, given, check=self._task.check_mode), inventory, given.get("report"))
        if name == "apply" and self._task.diff and result["changed"]:
            with open(given["plan"], encoding="utf-8") as file:
                result["diff"] = diffs(json.load(file), [node["node"] for node in result["nodes"] if node["changed"]])
        return result

    def _planned(self, given: dict[str, Any], inventory: str) -> dict[str, Any]:
        """Keep the plan under its run's name, so that a plan that was approved is not written over by the next."""
        os.makedirs(given["plans"], mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=given["plans"]) as folder:
            out = os.path.join(folder, "plan.json")
            result = self._outcome("plan", command_line("plan", given, check=self._task.check_mode, out=out), inventory)
            if "plan_digest" in result:
                result["plan"] = file_of(given["plans"], result["plan_digest"])
                if self._task.diff:
                    with open(out, encoding="utf-8") as file:
                        result["diff"] = diffs(json.load(file), [node["node"] for node in result["nodes"]])
                os.replace(out, result["plan"])
        return result

    def _outcome(self, name: str, command: list[str], inventory: str, report: str | None = None) -> dict[str, Any]:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:  # without a name: passwords in it are gone with this process
            file.write(inventory)
            file.seek(0)
            try:
                done = subprocess.run(
                    command, stdin=file, capture_output=True, encoding="utf-8", errors="replace", env=self._environment(), check=False
                )
            except OSError as wrong:
                raise AnsibleActionFail(f"{command[0]} cannot be run on the controller: {wrong.strerror}") from wrong
        if report and done.stdout:
            with open(os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as kept:
                kept.write(done.stdout)
        return {**outcome(name, done.returncode, done.stdout, done.stderr), "command": command}

    def _environment(self) -> dict[str, str]:
        found = dict(os.environ)
        for given in self._task.environment or []:
            found.update({name: str(value) for name, value in (self._templar.template(given) or {}).items()})
        return found
