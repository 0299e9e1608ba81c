"""Agents that watch containers, by their images: what each needs on another runtime than Docker. One row an agent.

`copes` is the first version that works there by itself or by `switch`, only where the vendor or the project says so; else None. SOCKET and
PROGRAM in a `switch` stand for those of the target.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Minor = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent: `images` are the ends of its images' names without tag (`datadog/agent`, `cadvisor`), separated by spaces, `switch` says
    what to set, `source` where that is written.
    """

    name: str
    images: str
    switch: str
    source: str
    copes: Minor | None = None


KUBERNETES = "kubernetes.io, Migrating telemetry and security agents from dockershim"
VENDOR = "see its vendor's page for its option and first version"

AGENTS: tuple[Agent, ...] = (
    Agent(
        "Datadog Agent",
        "datadog/agent datadoghq/agent datadog/docker-dd-agent",
        "finds the runtime by itself; older versions need DD_CRI_SOCKET_PATH=SOCKET and the socket mounted; metrics docker.* change",
        "docs.datadoghq.com/agent/guide/docker-deprecation",
        (7, 27),
    ),
    Agent(
        "Falco",
        "falcosecurity/falco falcosecurity/falco-no-driver",
        "mount SOCKET and set --cri SOCKET (with Helm: enable its collector for the runtime)",
        f"{KUBERNETES}; falcosecurity/charts pod-template.tpl",
    ),
    Agent("Sysdig agent", "sysdig/agent sysdig/agent-slim sysdig/node-analyzer", VENDOR, "draios/sysdig-cloud-scripts"),
    Agent(
        "Dynatrace OneAgent",
        "dynatrace/oneagent linux/oneagent dynatrace/dynatrace-operator dynatrace/dynatrace-oneagent-operator",
        VENDOR,
        KUBERNETES,
    ),
    Agent(
        "Prisma Cloud (Twistlock) Defender",
        "twistlock/private twistlock/defender",
        "deploy its Defenders again with the CRI option (--cri)",
        KUBERNETES,
    ),
    Agent(
        "Aqua Enforcer",
        "aquasec/enforcer registry.aquasec.com/enforcer registry.aquasec.com/kube-enforcer",
        "no change is needed",
        KUBERNETES,
    ),
    Agent("Tracee", "aquasec/tracee", "finds the runtime's socket by itself: mount SOCKET", "aquasecurity/tracee docs"),
    Agent(
        "SignalFx Smart Agent",
        "signalfx/signalfx-agent",
        "remove the monitor docker-container-stats and enable kubelet-metrics; its metrics change",
        KUBERNETES,
    ),
    Agent("Splunk OTel Collector", "signalfx/splunk-otel-collector", VENDOR, "its Helm chart, containerRuntime"),
    Agent(
        "New Relic infrastructure agent",
        "newrelic/infrastructure newrelic/infrastructure-k8s newrelic/infrastructure-bundle newrelic/nri-kubernetes",
        "supports containerd from 1.42 on; for another runtime see its vendor's page",
        "docs.newrelic.com, container infrastructure monitoring",
    ),
    Agent(
        "Fluent Bit",
        "fluent/fluent-bit",
        "`multiline.parser docker, cri` reads both formats; older versions need Parser cri, which names the text `message`",
        "docs.fluentbit.io, multiline parsing; fluent/fluent-operator issue 172",
        (1, 8),
    ),
    Agent("Fluent Bit", "aws-for-fluent-bit", "`multiline.parser docker, cri` reads both formats", "docs.fluentbit.io"),
    Agent(
        "Fluentd",
        "fluent/fluentd fluentd-kubernetes-daemonset fluentd-elasticsearch fluentd_elasticsearch/fluentd sumologic/kubernetes-fluentd",
        "parse with `@type cri` of fluent-plugin-parser-cri in place of json",
        "fluent-plugin-parser-cri; kubespray docs",
    ),
    Agent(
        "Filebeat",
        "beats/filebeat elastic/filebeat",
        "input `container` on /var/log/containers in place of `docker`",
        "elastic/beats issue 12632; elastic.co, Filebeat container input",
        (7, 2),
    ),
    Agent(
        "Promtail",
        "grafana/promtail",
        "stage `cri` in place of `docker`, and /var/log/pods mounted",
        "grafana.com, Promtail pipeline stages; grafana/helm-charts issue 936",
    ),
    Agent("Grafana Agent", "grafana/agent grafana/alloy", "stage.cri in place of stage.docker", "grafana.com, loki.process"),
    Agent("CloudWatch agent", "cloudwatch-agent", VENDOR, "amazon-cloudwatch-container-insights"),
    Agent("Telegraf", "library/telegraf", "input `docker` ends: take kubernetes or the CRI metrics of the kubelet", "influxdata/telegraf"),
    Agent("Logspout", "gliderlabs/logspout", "reads Docker's API only: replace it by a reader of /var/log/pods", "gliderlabs/logspout"),
    Agent(
        "cAdvisor",
        "cadvisor",
        "mount SOCKET; the label `name` becomes an ID, and labels of containers are no longer added",
        "kubernetes.io, Check whether dockershim removal affects you; google/cadvisor issues 2965, 3235",
    ),
    Agent(
        "aws-node (Amazon VPC CNI)",
        "amazon-k8s-cni",
        "needs no socket of a runtime; older versions need SOCKET mounted as /var/run/dockershim.sock",
        "aws/eks-charts pull 836 (release notes of v1.12.0)",
        (1, 12),
    ),
    Agent(
        "node-problem-detector",
        "node-problem-detector",
        "remove docker-monitor.json and health-checker-docker.json, and add the health checker of the target",
        "kubernetes/node-problem-detector config/",
    ),
    Agent(
        "NVIDIA device plugin",
        "k8s-device-plugin",
        "the target needs the nvidia runtime, as default or by a RuntimeClass: nvidia-ctk runtime configure --runtime=PROGRAM",
        "NVIDIA/k8s-device-plugin issues 107, 314; docs.nvidia.com, Container Toolkit",
    ),
    Agent(
        "NVIDIA GPU Operator",
        "nvidia/gpu-operator",
        "its toolkit configures the target by itself: check its setting operator.defaultRuntime",
        "docs.nvidia.com, GPU Operator",
    ),
    Agent(
        "GitLab Runner",
        "gitlab-runner",
        "jobs that call docker need a docker:dind service of their own (privileged), or BuildKit, Buildah or a kaniko fork",
        "docs.gitlab.com, Use Docker to build Docker images",
    ),
    Agent(
        "GitHub Actions runner",
        "actions-runner actions-runner-dind",
        "container jobs need a daemon in the pod (dind) or the runner's kubernetes mode",
        "actions/runner issue 1265; docs.github.com, Actions Runner Controller",
    ),
    Agent(
        "Jenkins",
        "jenkins/jenkins jenkins/inbound-agent jenkins/jnlp-slave jenkins/jnlp-agent-docker jenkins/agent jenkins/ssh-agent",
        "`docker` steps need a daemon in the agent's pod, or BuildKit or a kaniko fork",
        "jenkinsci/helm-charts issue 591",
    ),
    Agent(
        "Weave Scope",
        "weaveworks/scope",
        "its Docker probe sees nothing; the project is no longer maintained: see its --probe.cri options",
        "weaveworks/scope",
    ),
    Agent(
        "Chaos Mesh daemon",
        "chaos-mesh/chaos-daemon pingcap/chaos-daemon",
        "set chaosDaemon.runtime=PROGRAM and chaosDaemon.socketPath=SOCKET",
        "chaos-mesh.org, Install Chaos Mesh using Helm",
    ),
    Agent("NeuVector", "neuvector/enforcer neuvector/controller neuvector/allinone", VENDOR, "neuvector/neuvector-helm"),
    Agent("StackRox collector", "stackrox-io/collector stackrox/collector rhacs-collector-rhel8", VENDOR, "stackrox/collector"),
    Agent(
        "kubectl-flame", "verizondigital/kubectl-flame", "knows Docker only and has no other mode", f"{KUBERNETES}; kubectl-flame issue 51"
    ),
)

_BY_IMAGE: Mapping[str, Agent] = {image: agent for agent in AGENTS for image in agent.images.split()}


def image_words(agents: Iterable[Agent]) -> tuple[str, ...]:
    """A part of each image's name: its owner where he has several, else the name. What Docker Hub leaves out is left out."""
    images = [image.removeprefix("library/") for agent in agents for image in agent.images.split()]
    owners = Counter(image.rpartition("/")[0] for image in images)
    return tuple(f"{owner}/" if owner and owners[owner] > 1 else image for image in images for owner in [image.rpartition("/")[0]])


def agent_of(group: str, last: str) -> Agent | None:
    """The agent that an image is, by the last two parts of its name; None for any other image."""
    return _BY_IMAGE.get(last) or _BY_IMAGE.get(f"{group}/{last}")
