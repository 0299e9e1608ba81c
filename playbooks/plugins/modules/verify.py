#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the module; plugins/action/verify.py is what runs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: verify
short_description: Verify nodes and their workloads
version_added: 0.1.0
description:
  - Verifies that nodes and their workloads run on the runtime that their run left them on.
  - A smoke pod is created and deleted; the task is never C(changed).
  - In check mode it tells how the nodes stand, and creates no pod.
extends_documentation_fragment:
  - docker2cri.docker2cri.common
"""

EXAMPLES = r"""
- name: Verify the current host
  docker2cri.docker2cri.verify:
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
      changed: false
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
