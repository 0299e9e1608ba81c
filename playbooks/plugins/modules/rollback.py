#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Documentation of the module; plugins/action/rollback.py is what runs."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: rollback
short_description: Put nodes back as they were before a plan was applied
version_added: 0.1.0
description:
  - Works after success, after a failure and after an interruption, from any controller.
  - In check mode it looks at all that it looks at before it begins, tells what it would do, and changes nothing.
options:
  overwrite:
    description:
      - Files that are put back although they were edited since.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - docker2cri.docker2cri.common
"""

EXAMPLES = r"""
- name: Put the current host back on Docker
  docker2cri.docker2cri.rollback:
"""

RETURN = r"""
nodes:
  description: How each node stands; the schema is docs/schema/state-v1.json.
  returned: always
  type: list
  elements: dict
  sample:
    - node: worker1
      state: rolled back
      exit_code: 0
      changed: true
      reason: {code: verified, seen: it runs on Docker as before and is verified}

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
