#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the module; plugins/action/apply.py is what runs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: apply
short_description: Apply the plan that was approved
version_added: 0.1.0
description:
  - Performs the steps of the plan and no others, and rolls a node back where one fails. A run that was interrupted is continued.
  - In check mode it looks at all that it looks at before it begins, tells what it would do, and changes nothing.
  - With C(--diff) it shows the file changes of the plan for the nodes that are changed.
options:
  plan:
    description:
      - The file of the plan on the controller, or the folder that M(docker2cri.docker2cri.plan) keeps plans in.
    type: path
    required: true
  plan_digest:
    description:
      - The digest of the plan that was approved. Another plan is refused.
    type: str
    required: true
  serial:
    description:
      - Nodes at once; one when it is not set.
    type: int
  on_failure:
    description:
      - Roll a node back that fails, or leave it cordoned as it is.
    type: str
    choices: [rollback, stop]
  prepare:
    description:
      - Do only what disturbs nothing, such as copying images. The same task without it drains and switches the nodes, whenever it is run.
    type: bool
    default: false
attributes:
  diff_mode:
    support: full
extends_documentation_fragment:
  - docker2cri.docker2cri.common
"""

EXAMPLES = r"""
- name: Apply what was planned
  docker2cri.docker2cri.apply:
    plan: ~/plans
    plan_digest: "{{ planned.plan_digest }}"
"""

RETURN = r"""
nodes:
  description: How each node stands; the schema is docs/schema/state-v1.json.
  returned: always
  type: list
  elements: dict
  sample:
    - node: worker1
      state: migrated
      exit_code: 0
      changed: true
      reason: {code: verified, seen: it runs on containerd and is verified}

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
