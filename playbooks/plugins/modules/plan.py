#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the module; plugins/action/plan.py is what runs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: plan
short_description: Make the plan of a migration
version_added: 0.1.0
description:
  - Reads nodes and the Kubernetes API, and writes a plan, which holds every step and every file change. It changes nothing on nodes.
  - It is never C(changed). In check mode it makes the plan too.
options:
  plans:
    description:
      - Folder on the controller that plans are kept in, each under the name of its run. It is made when it is missing.
    type: path
    required: true
  install:
    description:
      - Where a node lacks the runtime or a tool, plan its installation first, from C(packages) or from a static tarball.
    type: list
    elements: str
    default: []
  rollout:
    description:
      - File on the controller that says how nodes are taken: stages, groups, gates, hooks, windows (docker2cri schema rollout).
    type: path
attributes:
  diff_mode:
    support: full
extends_documentation_fragment:
  - docker2cri.docker2cri.common
  - docker2cri.docker2cri.common.judging
"""

EXAMPLES = r"""
- name: Plan one worker
  docker2cri.docker2cri.plan:
    plans: ~/plans
    accept:
      D2C301: builds moved last week
  register: planned
"""

RETURN = r"""
plan_digest:
  description: The digest of the plan. M(docker2cri.docker2cri.apply) takes it, so that what was approved is what runs.
  returned: when a plan was made
  type: str
  sample: sha256:6bb6bc4c8ecd9bd5fd2b5bde1a61ae6ca2c5d3ab4b1e9a7ed3e34ce0e1dc7eb6
plan:
  description: The file of the plan on the controller.
  returned: when a plan was made
  type: str
nodes:
  description: Each node, whether the plan would change it, why there is nothing to do, and what it is refused for.
  returned: always
  type: list
  elements: dict
  sample: [{"node": "worker1", "changed": true, "nothing": "", "refusals": []}]

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
