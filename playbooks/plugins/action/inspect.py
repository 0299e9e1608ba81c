"""`docker2cri inspect` as a task."""

from __future__ import annotations

from ansible_collections.docker2cri.docker2cri.plugins.plugin_utils.action import CommandAction


class ActionModule(CommandAction):
    """See plugins/modules/inspect.py."""

    command = "inspect"
