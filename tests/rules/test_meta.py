"""The set of rules as a whole: names, docs, which may be accepted, and that each has been seen to fire and to be silent."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import migrate.rules
from migrate.report.rules_page import FAMILIES, explain, listing, rules_page
from migrate.rules import Allow, Rule, Seen, Severity, check
from migrate.rules.table import RULES
from migrate.targets import Target
from migrate.targets.table import TARGETS
from tests.rules import (
    make,
    test_actors,
    test_capacity,
    test_cleanup,
    test_control_planes,
    test_crio,
    test_docker,
    test_docker_host,
    test_drain,
    test_etcd,
    test_files,
    test_given,
    test_image_store,
    test_keep_docker,
    test_kubelet,
    test_next_kubernetes,
    test_node,
    test_releases,
    test_runtimes,
    test_target,
    test_workloads,
    test_workloads_behaviour,
    test_workloads_docker,
)
from tests.rules.case import Case

ROOT = Path(__file__).resolve().parents[2]
CASES = (
    *test_node.CASES,
    *test_runtimes.CASES,
    *test_docker.CASES,
    *test_files.CASES,
    *test_docker_host.CASES,
    *test_given.CASES,
    *test_image_store.CASES,
    *test_keep_docker.CASES,
    *test_actors.CASES,
    *test_kubelet.CASES,
    *test_next_kubernetes.CASES,
    *test_workloads.CASES,
    *test_workloads_docker.CASES,
    *test_workloads_behaviour.CASES,
    *test_drain.CASES,
    *test_capacity.CASES,
    *test_target.CASES,
    *test_crio.CASES,
    *test_etcd.CASES,
    *test_control_planes.CASES,
    *test_releases.CASES,
    *test_cleanup.CASES,
)
# What an admin may let happen: a loss or an interruption of workloads that he knows, never an unknown and never a node that cannot come up.
ACCEPTABLE = {
    "api-down-meanwhile",
    "grace-period-above-stop-timeout",
    "pod-comes-back",
    "smoke-pod-never-ran",
    "standalone-container",
    "docker-socket-mounted",
    *("docker-api-without-tls", "container-holds-docker-socket", "container-holds-docker-data", "host-in-swarm"),  # no node
    "bare-pod",
    "emptydir-data-lost",
    "budget-exhausted",
    "budgets-overlap",
    "single-replica-budget",
    *("no-other-node", "pod-fits-nowhere", "pods-do-not-fit-together"),
    # of a cleanup, where the node needs none of it
    *("migration-not-recorded", "standalone-containers-left", "docker-still-wanted", "docker-volume-holds-data"),
}

# Blockers that forbid an installation too: the node is not ours to change, was not read, or Docker cannot be proved undisturbed.
FORBID_INSTALL = {
    *("control-plane-node", "cluster-not-read", "node-not-in-cluster", "installer-unsupported", "docker-enforced", "docker-not-running"),
    "docker-from-snap",
    *("node-component-in-docker", "kubelet-not-running", "runtime-unknown", "fact-unreadable", "read-without-root"),
    *("runtime-config-unreadable", "systemd-too-old", "flock-missing", "runtime-contradicted"),
}

by_code = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)


def test_codes_and_slugs_are_unique_and_in_order() -> None:
    assert [rule.code for rule in RULES] == sorted({rule.code for rule in RULES})
    assert [slug for slug, count in Counter(rule.slug for rule in RULES).items() if count > 1] == []


def test_every_rule_of_a_module_is_in_the_table() -> None:
    modules = [import_module(f"migrate.rules.{module.name}") for module in iter_modules(migrate.rules.__path__)]
    found = (value for module in modules for value in vars(module).values())
    defined = {rule.code for value in found for rule in (value if isinstance(value, tuple) else (value,)) if isinstance(rule, Rule)}
    assert defined == {rule.code for rule in RULES}


@by_code
def test_docs_are_complete(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Za-z].{15,118}\.", rule.what), rule.what
    assert rule.why.endswith("."), rule.why
    assert rule.sources.endswith("."), rule.sources
    assert len(rule.remedy) > 20
    for text in (rule.what, rule.why, rule.sources):
        assert "    " not in text
    assert any(rule.code.startswith(prefix) for prefix, _ in FAMILIES)


@by_code
def test_a_blocker_says_a_command_to_type(rule: Rule) -> None:
    if rule.severity is Severity.BLOCKER and rule.slug != "installer-unsupported":
        assert "\n\n    " in rule.remedy


def test_only_what_is_harmless_to_the_node_is_acceptable() -> None:
    assert {rule.slug for rule in RULES if rule.acceptable} == ACCEPTABLE


def test_what_follows_from_a_finding_is_an_attribute_of_its_rule() -> None:
    assert {rule.slug: rule.allows for rule in RULES if rule.allows} == {
        "bare-pod": Allow.FORCE,
        "emptydir-data-lost": Allow.DELETE_EMPTYDIR_DATA,
        "pod-comes-back": Allow.LEAVE_RETURNING,
        "smoke-pod-never-ran": Allow.NO_SMOKE_POD,
        "grace-period-above-stop-timeout": Allow.KILL,
    }
    assert {rule.slug for rule in RULES if rule.transient} == {
        "budget-exhausted",
        *("no-other-node", "pod-fits-nowhere", "pods-do-not-fit-together"),
    }
    assert {rule.slug for rule in RULES if rule.forbids_install} == FORBID_INSTALL
    assert {rule.slug for rule in RULES if rule.own_exit_code} == {"cluster-not-read"}


@by_code
def test_a_finding_carries_what_follows_from_it(rule: Rule) -> None:
    found = rule.finding(Seen("it", "seen"), {}, "w1")
    for name in ("code", "slug", "severity", "acceptable", "what", "remedy", "allows", "transient", "forbids_install"):
        assert getattr(found, name) == getattr(rule, name)


# Rules whose commands are about one runtime: as its process on the host (D2C122, D2C202), or as the target that was asked for (D2C608).
OF_ONE_RUNTIME = {"D2C122", "D2C202", "D2C608"}
RUNTIME = re.compile(r"containerd|\bcri-?o\b", re.IGNORECASE)


def commands(remedy: str) -> list[str]:
    """What of a remedy is typed: its indented lines, and docker2cri's commands inside of sentences."""
    return [line for line in remedy.splitlines() if line.startswith("    ")] + re.findall(r"`(docker2cri[^`]*)`", remedy)


@by_code
def test_no_command_of_a_remedy_names_a_runtime(rule: Rule) -> None:
    named = any(RUNTIME.search(command) for command in commands(rule.remedy))
    assert named == (rule.code in OF_ONE_RUNTIME)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_finding_names_another_target_in_a_command(target: Target) -> None:
    other = {"containerd": re.compile(r"--to crio|crio\.service"), "crio": re.compile(r"--to containerd|containerd\.service")}[
        target.program
    ]
    cases = [case for case in CASES if isinstance(case, Case) and case.code not in OF_ONE_RUNTIME]
    by_code = {rule.code: rule for rule in RULES}
    found = {finding for case in cases for finding in check(replace(case.view, target=target), [by_code[case.code]])}
    assert len({finding.code for finding in found}) > 90
    for finding in found:
        for command in commands(finding.remedy):
            assert not other.search(command), finding
            assert not {"TARGET", "UNIT", "ENDPOINT", "SOCKET", "PROGRAM", "PACKAGES"} & set(re.findall(r"[A-Z]{2,}", command)), finding


def test_a_command_that_makes_a_plan_writes_it_to_a_file() -> None:
    plans = [command.strip() for rule in RULES for command in commands(rule.remedy) if "docker2cri plan" in command]
    form = re.compile(r'docker2cri plan (TARGET|--to crio) (--install packages |--accept D2C\d+="[^"]+" )?(NODE|WORKER) --out plan\.json')
    assert [command for command in plans if not form.fullmatch(command)] == []
    assert len(plans) > 10


DIALECT = re.compile(
    r"\b(vacat\w*|settl\w*|(un)?shel(ve|ving)\w*|way back|go(es)? back|somebody|anew|parked)\b|of the house|docs/design",
    re.IGNORECASE,
)


@by_code
def test_texts_use_the_words_of_the_glossary(rule: Rule) -> None:
    assert not DIALECT.search(" ".join((rule.what, rule.why, rule.remedy, rule.sources)))


@by_code
def test_an_acceptable_finding_says_how_to_accept_it(rule: Rule) -> None:
    told = f"--accept {rule.code}=" in rule.remedy
    assert not told or rule.acceptable
    assert told or rule.slug in {"budget-exhausted", "budgets-overlap"} or not rule.acceptable


@by_code
def test_each_rule_was_seen_to_fire_and_to_be_silent(rule: Rule) -> None:
    if rule.slug == "templates-not-rendered":
        return  # needs a folder: tests/cli/test_scan.py
    cases = [case for case in CASES if case.code == rule.code]
    assert any(case.seen for case in cases)
    assert any(not case.seen for case in cases)


def test_a_healthy_worker_has_only_infos() -> None:
    found = check(make.view(), RULES)
    assert [(rule.severity, rule.slug) for rule in found] == [
        (Severity.INFO, "log-rotation-moves"),
        (Severity.INFO, "log-format-changes"),
        (Severity.INFO, "installer-may-undo"),
    ]


def test_the_page_of_rules_is_in_step() -> None:
    """`make docs` writes it anew."""
    assert (ROOT / "docs" / "rules.md").read_text("utf-8") == rules_page()


def test_a_page_holds_everything_of_a_rule() -> None:
    assert explain(next(rule for rule in RULES if rule.code == "D2C502")) == (
        "D2C502 cni-config-missing (blocker)\n\n"
        "The node has no CNI configuration.\n\n"
        "Why\n  The target reports its network as not ready, and the node stays NotReady.\n\n"
        "Remedy\n  Find out why the cluster's network agent did not write its file:\n\n"
        "      ls -l /etc/cni/net.d     # on the node\n"
        "      kubectl get pods -A -o wide --field-selector spec.nodeName=NODE\n\n"
        "Sources\n  containerd docs/cri/config.md (cni); containernetworking/cni libcni.\n"
    )


def test_a_listing_has_a_line_a_rule() -> None:
    lines = listing().splitlines()
    assert len(lines) == len(RULES)
    slug = f"{'fact-unreadable':{max(len(rule.slug) for rule in RULES)}}"
    assert lines[0] == f"D2C101  blocker              {slug}  A reading that the migration depends on failed."


def test_the_page_of_pains_names_rules_that_exist() -> None:
    named = re.findall(r"D2C[0-9]{3}", (ROOT / "docs" / "design" / "pains.md").read_text("utf-8"))
    assert set(named) - {rule.code for rule in RULES} == set()
