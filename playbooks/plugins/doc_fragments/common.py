"""What the documentation of several modules has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """`common`: options of every module; `common.judging`: those of modules that judge nodes."""

    DOCUMENTATION = r"""
options:
  nodes:
    description:
      - Inventory names of the nodes; the play's current host when none is named.
    type: list
    elements: str
  executable:
    description:
      - The docker2cri command on the controller.
    type: path
    default: docker2cri
  kubeconfig:
    description:
      - Kubeconfig of the cluster; else what C(KUBECONFIG) names, then C(~/.kube/config).
    type: path
  context:
    description:
      - Context of the kubeconfig.
    type: str
  options:
    description:
      - Further options of the command, as they are typed. C(docker2cri COMMAND --help) lists them.
    type: list
    elements: str
    default: []
notes:
  - The command runs on the controller and reaches the nodes itself. It gets the nodes with the connection variables that Ansible has for
    them, whatever inventory they come from, and what C(-u), C(-K), C(--private-key) and C(--ssh-common-args) say. SSH logs in with key
    files and agents, not with passwords.
  - No argument holds a secret. A sudo password comes from C(-K) or C(ansible_become_password); it is never an argument of a process, nor in
    a file that has a name.
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
requirements:
  - docker2cri on the controller
author:
  - docker2cri (!UNKNOWN)
"""

    JUDGING = r"""
options:
  to:
    description:
      - The runtime to move to, C(containerd) or C(crio); containerd when it is not set.
    type: str
  accept:
    description:
      - Blockers that are accepted, each with the reason, which is kept in the plan.
    type: dict
    default: {}
"""
