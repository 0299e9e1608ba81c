import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import FormatError, image_ref

SHA = "sha256:" + "0123456789abcdef" * 4


# Domain, path, tag, digest, familiar and full form are answers of docker/distribution 2.7.1 (IPv6: of its successor's grammar).
@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "digest", "familiar", "canonical"),
    [
        ("nginx", "docker.io", "library/nginx", None, None, "nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.25", "docker.io", "library/nginx", "1.25", None, "nginx:1.25", "docker.io/library/nginx:1.25"),
        ("team/app:2", "docker.io", "team/app", "2", None, "team/app:2", "docker.io/team/app:2"),
        ("library/nginx", "docker.io", "library/nginx", None, None, "nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/nginx", "docker.io", "library/nginx", None, None, "nginx", "docker.io/library/nginx:latest"),
        ("k8s.gcr.io/pause:3.6", "k8s.gcr.io", "pause", "3.6", None, "k8s.gcr.io/pause:3.6", "k8s.gcr.io/pause:3.6"),
        ("localhost/app", "localhost", "app", None, None, "localhost/app", "localhost/app:latest"),
        ("localhost:5000", "docker.io", "library/localhost", "5000", None, "localhost:5000", "docker.io/library/localhost:5000"),
        ("registry:5000/a/b:t", "registry:5000", "a/b", "t", None, "registry:5000/a/b:t", "registry:5000/a/b:t"),
        ("10.0.0.1:443/a__b/c-d", "10.0.0.1:443", "a__b/c-d", None, None, "10.0.0.1:443/a__b/c-d", "10.0.0.1:443/a__b/c-d:latest"),
        ("[2001:db8::1]:5000/app:1", "[2001:db8::1]:5000", "app", "1", None, "[2001:db8::1]:5000/app:1", "[2001:db8::1]:5000/app:1"),
        (f"nginx@{SHA}", "docker.io", "library/nginx", None, SHA, f"nginx@{SHA}", f"docker.io/library/nginx@{SHA}"),
        (f"q.io/a:1@{SHA}", "q.io", "a", "1", SHA, f"q.io/a:1@{SHA}", f"q.io/a:1@{SHA}"),
        ("Reg.io/a:V1", "Reg.io", "a", "V1", None, "Reg.io/a:V1", "Reg.io/a:V1"),
        ("a.b/c", "a.b", "c", None, None, "a.b/c", "a.b/c:latest"),
        ("a.b", "docker.io", "library/a.b", None, None, "a.b", "docker.io/library/a.b:latest"),
    ],
)
def test_references(text, domain, path, tag, digest, familiar, canonical):
    ref = image_ref.parse(text)
    assert ref == image_ref.ImageRef(domain, path, tag, digest)
    assert (ref.name, image_ref.canonical(text)) == (f"{domain}/{path}", canonical)
    assert image_ref.parse(familiar) == image_ref.parse(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nginx",
        "TEAM/app",
        "a//b",
        "a/b/",
        "/a",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a:",
        "a:-t",
        "a:" + "t" * 129,
        "a@",
        "a@sha256:short",
        "a@" + SHA.upper(),
        "a@md5:" + "0" * 32,
        "0123456789abcdef" * 4,
        "https://a/b",
        "a b",
        "a\n",
        "é",
        "[::1/a",
        "q.io/" + "a" * 251,
    ],
)
def test_what_is_no_reference(text):
    with pytest.raises(FormatError):
        image_ref.parse(text)


@given(
    st.lists(st.sampled_from(["a", "b1", ".", "_", "-", "/", ":", "5000", "docker.io", "library", "A", "@" + SHA]), max_size=7).map("".join)
)
def test_the_full_form_is_stable(text):
    try:
        full = image_ref.canonical(text)
    except FormatError:
        return
    assert image_ref.canonical(full) == full
    assert str(image_ref.parse(str(image_ref.parse(text)))) == str(image_ref.parse(text))
