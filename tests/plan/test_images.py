"""Which images are carried or pulled by their digest."""

from __future__ import annotations

from migrate.facts.model import Image
from migrate.plan.images import by_digest, carried
from tests.rules import make

DIGEST = f"sha256:{'a' * 64}"
WEB = Image("sha256:web", ("web:1",), (f"web@{DIGEST}",), 1)


def test_a_pod_s_digest_that_the_source_has_is_pulled_without_its_tag() -> None:
    pods = [make.pod(container={"image": image}) for image in (f"web:1@{DIGEST}", f"docker.io/library/web@{DIGEST}", "web:1")]
    assert by_digest([WEB], pods) == (f"docker.io/library/web@{DIGEST}",)


def test_what_the_source_does_not_have_by_that_name_is_none_of_its_business() -> None:
    pods = [make.pod(container={"image": image}) for image in (f"other@{DIGEST}", f"web@sha256:{'b' * 64}", "web:1")]
    assert by_digest([WEB], pods) == ()


def test_a_finished_pod_needs_nothing() -> None:
    assert by_digest([WEB], [make.pod(container={"image": f"web@{DIGEST}"}, phase="Succeeded")]) == ()


def test_a_store_that_keeps_digests_gives_an_image_by_its_digest_too() -> None:
    stored = [Image(DIGEST, ("web:1",), (f"web@{DIGEST}",), 1), Image("sha256:job", ("job:1",), ("job@sha256:" + "b" * 64,), 1)]
    here, there = [make.pod(container={"image": f"web@{DIGEST}"})], [make.pod(container={"image": "job:1"})]
    assert [(one.reference, one.id) for one in carried(stored, here, there, (), digests=True)] == [
        (f"docker.io/library/web@{DIGEST}", DIGEST),
        ("job:1", "sha256:job"),
    ]
    assert carried(stored, here, there, ()) == ()
