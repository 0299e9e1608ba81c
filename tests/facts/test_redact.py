"""Planted secrets of every form come out, everything else stays as it was."""

import base64
import json
import string
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.facts.api import Metadata
from migrate.facts.capture import Capture, CommandReading, PathReading, dump
from migrate.facts.cluster import ClusterFacts
from migrate.facts.pod import Pod, PodContainer, PodSpec
from migrate.facts.redact import mask, printable, redact, redact_cluster

PROXY = "http://builder:Planted-Proxy-Pa55@10.213.0.1:3128"
AUTH = base64.b64encode(b"kubelet:Planted-Kubelet-Pa55").decode()
TOKEN = "abcdef.0123456789abcdef"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nq83vEjRWeJCrze\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        # URL userinfo, in every place where a proxy stands
        (f'Environment="HTTP_PROXY={PROXY}"', 'Environment="HTTP_PROXY=http://REDACTED:REDACTED@10.213.0.1:3128"'),
        (f'{{"default":{{"httpProxy":"{PROXY}"}}}}', '{"default":{"httpProxy":"http://REDACTED:REDACTED@10.213.0.1:3128"}}'),
        ("https_proxy=user:pa@ss@proxy:3128", "https_proxy=REDACTED:REDACTED@proxy:3128"),
        ("https://t0ken@git.example.org/x", "https://REDACTED@git.example.org/x"),
        # registry logins
        (f'{{"auths":{{"r.example":{{"auth":"{AUTH}"}}}}}}', '{"auths":{"r.example":{"auth":"REDACTED"}}}'),
        ('{"auth": "x", "identitytoken": "y"}', '{"auth": "REDACTED", "identitytoken": "REDACTED"}'),
        (
            '[a."registry.lab:5000".auth]\n  password = "Pa 55"\n  auth = ""',
            '[a."registry.lab:5000".auth]\n  password = "REDACTED"\n  auth = ""',
        ),
        ("password = '''\nline one\nline two'''", "password = '''\nREDACTED\nREDACTED'''"),
        # kubeadm
        (f"token: {TOKEN}  # short-lived", "token: REDACTED"),
        (
            f"kubeadm join 10.0.0.1:6443 --token {TOKEN} --discovery-token-ca-cert-hash sha256:00ff",
            "kubeadm join 10.0.0.1:6443 --token REDACTED --discovery-token-ca-cert-hash sha256:00ff",
        ),
        (f"see {TOKEN}, valid", "see REDACTED, valid"),
        # command lines: of /proc, of a unit file, of a log
        ("kubelet\0--token=a b\0--v=2\0", "kubelet\0--token=REDACTED\0--v=2\0"),
        ("etcd\0--password\0a'b\0--v=2\0", "etcd\0--password\0REDACTED\0--v=2\0"),
        ("ExecStart=x --password=abc --y \\\n  --api-key=def --z", "ExecStart=x --password=REDACTED --y \\\n  --api-key=REDACTED --z"),
        ('KUBELET_EXTRA_ARGS="--token=abc --v=2"', 'KUBELET_EXTRA_ARGS="--token=REDACTED"'),
        ("sh -c 'docker login -u me -p Pa55 r.example'", "sh -c 'docker login -u me -p REDACTED r.example'"),
        ('["serve","--token","abc","--v"]', '["serve","--token","REDACTED","--v"]'),
        # container environments
        ("- name: DB_PASSWORD\n  value: Pa 55\n- name: M\n  value: x\n", "- name: DB_PASSWORD\n  value: REDACTED\n- name: M\n  value: x\n"),
        ('{"name":"DB_PASSWORD","value":"Pa55"}', '{"name":"DB_PASSWORD","value":"REDACTED"}'),
        ('"Env":["DB_PASSWORD=Pa \\"55","PATH=/bin"]', '"Env":["DB_PASSWORD=REDACTED","PATH=/bin"]'),
        ("export AWS_SECRET_ACCESS_KEY=abc/def+g", "export AWS_SECRET_ACCESS_KEY=REDACTED"),
        ('{"annotation":"{\\"password\\":\\"a b\\",\\"x\\":1}"}', '{"annotation":"{\\"password\\":\\"REDACTED\\",\\"x\\":1}"}'),
        # other spellings
        ("clientSecret: 'it''s'", "clientSecret: 'REDACTED'"),
        ('{"password":12345,"size":6}', '{"password":0,"size":6}'),
        ("password: |\n  one\n  two\nnext: 1\n", "password: |\n  REDACTED\n  REDACTED\nnext: 1\n"),
        ('curl -H "Authorization: Bearer abc.def-ghi" http://x', 'curl -H "Authorization: REDACTED" http://x'),
        ("sent Bearer abcdefgh12", "sent Bearer REDACTED"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2lnbmF0dXJl here", "got REDACTED here"),
        (PEM, "-----BEGIN RSA PRIVATE KEY-----\nREDACTED\nREDACTED\n-----END RSA PRIVATE KEY-----\n"),
        ("client-key-data: LS0tLS1CRUdJTg==", "client-key-data: REDACTED"),
        # lists of values
        ('{"token": ["abc", "d e"], "x": [1]}', '{"token": ["REDACTED", "REDACTED"], "x": [1]}'),
        ('[host."r".header]\n  x-auth-token = ["abc", \'def\']\n', '[host."r".header]\n  x-auth-token = ["REDACTED", \'REDACTED\']\n'),
        ("tokens:\n  - abc\n  - 'd e'\nnext:\n- f\n", "tokens:\n  - REDACTED\n  - 'REDACTED'\nnext:\n- f\n"),
        ("passwords: [abc, def]", "passwords: [REDACTED, REDACTED]"),
        # environment, connection strings, logins without a scheme
        ("STRIPE_KEY=sk_live_1\nTLS_KEY=/etc/tls/server.key", "STRIPE_KEY=REDACTED\nTLS_KEY=/etc/tls/server.key"),
        ('{"name":"STRIPE_KEY","value":"sk_live_1"}', '{"name":"STRIPE_KEY","value":"REDACTED"}'),
        ("Server=db;Uid=app;Pwd=Pa55;", "Server=db;Uid=app;Pwd=REDACTED;"),
        ("AccountName=a;AccountKey=abc/d==;EndpointSuffix=x", "AccountName=a;AccountKey=REDACTED"),
        ("app:Pa55word@tcp(db:3306)/x", "REDACTED:REDACTED@tcp(db:3306)/x"),
        ("dsn app:Pa55word@db.example:5432/x", "dsn REDACTED:REDACTED@db.example:5432/x"),
        ("https://x.blob/y?sv=1&sig=abcdef%2Bgh", "https://x.blob/y?sv=1&sig=REDACTED"),
        # a proxy command
        ("sshpass -p Pa55 ssh -W h:22 jump", "sshpass -p REDACTED ssh -W h:22 jump"),
        ("exec sshpass -pPa55 ssh -W h:22 jump", "exec sshpass -pREDACTED ssh -W h:22 jump"),
        ("SSHPASS=Pa55 sshpass -e ssh jump", "SSHPASS=REDACTED"),
    ],
)
def test_planted_secrets_come_out(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "/usr/bin/kubelet --authorization-mode=Webhook --token-auth-file=/etc/tokens --tls-private-key-file=/x.key --cgroup-driver=systemd",
        "authentication:\n  anonymous:\n    enabled: false\n  webhook:\n    cacheTTL: 0s\nauthorization:\n  mode: Webhook\n",
        "automountServiceAccountToken: false",
        "docker-pullable://registry.lab:5000/team/portal@sha256:00ff",
        "registry.lab:5000/dex/auth:v2.1",
        'image = "k8s.gcr.io/pause:3.6"\n[plugins."io.containerd.grpc.v1.cri".registry.configs."r".auth]\n  username = ""\n  password = ""',
        '{"auths":{"r.example":{}},"credsStore":"pass-helper"}',
        "password: ${VAULT_PASSWORD}",
        "ssh://root@node1 unix:///var/run/docker.sock",
        "imagePullSecrets:\n- name: pull\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "kubelet.service loaded active running kubelet: The Kubernetes Node Agent",
        "PWD=/root SHELL=/bin/sh",
        "passthrough = true\nbypass: 3\n",
        '{"Plugins":{"Authorization":["img-authz"]}}',
        "services:\n  web:\n    secrets:\n      - db_password\nsecrets: [a, b]\n",
        "image: registry.lab/team/web:v1@sha256:0123456789abcdef",
        "mailto:joe@example.org user@1000.service git@example.org:x/y",
        "key: node-role.kubernetes.io/master",
        "certs:\n- tls.crt: x\n",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text


PIECES = st.sampled_from(
    [
        "password",
        "token",
        "auth",
        "DB_PASS",
        "name",
        "value",
        "--token",
        "Bearer ",
        "authorization",
        "https://",
        "u:p@",
        "proxy",
        "REDACTED",
        "0",
        "12",
        "a",
        "b c",
        TOKEN,
        "eyJhbGciOiJS.eyJpc3MiOiJr.x",
        '"',
        "'",
        '\\"',
        "\\",
        "=",
        ": ",
        ":",
        " ",
        "\n",
        "\0",
        "  ",
        "- ",
        "|\n",
        "{",
        "}",
        "[",
        "]",
        ",",
        "'''",
        '"""',
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "é",
        "\udc80",
        "login -p ",
    ]
)
TEXTS = st.lists(PIECES, max_size=14).map("".join)


@given(TEXTS)
def test_masking_twice_changes_nothing_more_and_keeps_the_lines(text: str) -> None:
    once = mask(text)
    assert mask(once) == once
    assert once.count("\n") == text.count("\n")
    assert once.count("\0") == text.count("\0")


LETTERS = string.printable.rstrip(string.whitespace) + " é"
SECRETS = st.text(LETTERS, min_size=6, max_size=30).map(lambda text: f"Q{text}Z9")
KEYS = st.sampled_from(["password", "auth", "identitytoken", "clientSecret", "DB_PASSWORD", "api_key", "secret-key"])


@given(KEYS, SECRETS)
def test_no_secret_survives_in_json(key: str, secret: str) -> None:
    plain = {"host": "r.example", key: secret, "after": [1, {"deep": {key: secret}}]}
    for text in (json.dumps(plain), json.dumps(plain, indent=2), json.dumps({"nested": json.dumps(plain)})):
        read = json.loads(mask(text))
        read = json.loads(read["nested"]) if "nested" in read else read
        assert read == {"host": "r.example", key: "REDACTED", "after": [1, {"deep": {key: "REDACTED"}}]}


@given(KEYS, SECRETS)
def test_no_secret_survives_in_toml(key: str, secret: str) -> None:
    text = f"before = 1\n[a.b]\n{key} = {json.dumps(secret, ensure_ascii=False)}\nafter = true\n"
    assert tomllib.loads(mask(text)) == {"before": 1, "a": {"b": {key: "REDACTED", "after": True}}}


@given(KEYS, SECRETS)
def test_no_secret_survives_in_a_command_line(key: str, secret: str) -> None:
    assert mask(f"x\0--{key}={secret}\0--v=2\0") == f"x\0--{key}=REDACTED\0--v=2\0"


def test_a_capture_loses_its_secrets_and_nothing_else() -> None:
    capture = Capture(
        "lab-w1",
        7,
        {
            "docker info": CommandReading(0, f'{{"HttpProxy":"{PROXY}","Driver":"overlay2"}}'.encode(), f"warning: {PROXY}\n".encode()),
            # the same word without any key: it is known from elsewhere in the capture
            "processes": CommandReading(0, b"12 dockerd --debug\n13 helper Planted-Proxy-Pa55 on\n"),
            "binary": CommandReading(0, b"\xff\x00\xfe"),
        },
        {
            "/root/.docker/config.json": PathReading(
                "file", "600", "root:root", 99, 5, data=f'{{"auths":{{"r":{{"auth":"{AUTH}"}}}}}}'.encode()
            ),
            "/unread": PathReading("file", "600", "root:root", 99, 5),
        },
    )
    clean = redact(capture)
    assert clean == Capture(
        "lab-w1",
        7,
        {
            "docker info": CommandReading(
                0,
                b'{"HttpProxy":"http://REDACTED:REDACTED@10.213.0.1:3128","Driver":"overlay2"}',
                b"warning: http://REDACTED:REDACTED@10.213.0.1:3128\n",
            ),
            "processes": CommandReading(0, b"12 dockerd --debug\n13 helper REDACTED on\n"),
            "binary": CommandReading(0, b"\xff\x00\xfe"),
        },
        {
            "/root/.docker/config.json": PathReading("file", "600", "root:root", 99, 5, data=b'{"auths":{"r":{"auth":"REDACTED"}}}'),
            "/unread": PathReading("file", "600", "root:root", 99, 5),
        },
        redacted=True,
    )
    assert redact(clean) == clean
    assert "Pa55" not in dump(clean)


def test_a_short_or_plain_word_is_not_hunted_everywhere() -> None:
    capture = Capture("n", 0, {"a": CommandReading(0, b"password: kubernetes\n"), "b": CommandReading(0, b"kubernetes v1.23.17\n")})
    assert redact(capture).commands["b"].stdout == b"kubernetes v1.23.17\n"


def test_the_clusters_arguments_are_masked() -> None:
    container = PodContainer(name="c", image="dex/auth:1", command=("serve",), args=("--token", "Pa55", f"--proxy={PROXY}", "--v=2"))
    facts = ClusterFacts(
        server="v1.23.17", taken=1, pods=(Pod(metadata=Metadata(name="p", namespace="d"), spec=PodSpec(containers=(container,))),)
    )
    masked = redact_cluster(facts).pods[0].spec.containers[0]
    assert masked.args == ("--token", "REDACTED", "--proxy=http://REDACTED:REDACTED@10.213.0.1:3128", "--v=2")
    assert (masked.image, masked.command) == ("dex/auth:1", ("serve",))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x1b[0m \x1b[2Jgone", "red gone"),
        ("\x1b]0;title\x07x \x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "x link"),
        ("\x1bP1;2|data\x1b\\x", "x"),
        ("\x1b]0;never closed\nnext", "0;never closed\nnext"),
        ("\x9b31mred", "red"),
        ("a\rb\x08c\x00d\x7fe\x85f", "abcdef"),
        ("user\u202egnp.exe\u200b", "usergnp.exe"),
        ("half \udc80 pair", "half \ufffd pair"),
        ("Grüße 你好", "Grüße 你好"),
    ],
)
def test_printable(text: str, plain: str) -> None:
    assert printable(text) == plain


@given(st.text(st.sampled_from("\x1b[]()0;1mP\\\x07\x9b\x9c\n\tab\x00\u202e\udc80")))
def test_nothing_printable_moves_a_terminal(text: str) -> None:
    plain = printable(text)
    assert all(letter in "\n\t" or letter >= " " for letter in plain)
    assert "\x9b" not in plain
    assert printable(plain) == plain
    plain.encode()
