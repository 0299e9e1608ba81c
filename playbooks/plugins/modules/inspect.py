#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the module; plugins/action/inspect.py is what runs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: inspect
short_description: Say what would break when nodes leave Docker
version_added: 0.1.0
description:
  - Reads nodes and the Kubernetes API and judges what it finds. It changes nothing.
options:
  report:
    description:
      - File on the controller that the whole report is written to, as JSON; the schema is docs/schema/report-v1.json.
    type: path
  fail_on:
    description:
      - Findings of this severity or above fail the task; C(blocker) when it is not set.
    type: str
    choices: [blocker, warning, info, never]
extends_documentation_fragment:
  - docker2cri.docker2cri.common
  - docker2cri.docker2cri.common.judging
"""

EXAMPLES = r"""
- name: Report all nodes of the play in one reading
  docker2cri.docker2cri.inspect:
    nodes: "{{ ansible_play_hosts_all }}"
    fail_on: never
  run_once: true
  register: inspected
"""

RETURN = r"""
nodes:
  description: Each node with its state and the number of its blockers and warnings.
  returned: always
  type: list
  elements: dict
  sample: [{"node": "worker1", "state": "ready", "blockers": 0, "warnings": 2}]

exit_code:
  description: The exit code of the command; docs/exit-codes.md lists them. The task fails when it is not 0.
  returned: always
  type: int
command:
  description: The command that was run; the inventory was its standard input.
  returned: always
  type: list
  elements: str
msg:
  description: A line for each node, and what to do about one that failed.
  returned: always
  type: str
"""
