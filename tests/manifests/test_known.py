"""Kinds of the table: what stands where their ways lead is told at its place, and nothing else."""

from __future__ import annotations

import pytest

from migrate.manifests.known import KNOWN, known
from tests.manifests.seen import said, scanned

SOCKET = "volumes: [{name: s, hostPath: {path: /run/docker.sock}}]"
MOUNTED = f"image: a, volumeMounts: [{{name: s, mountPath: /s}}], {SOCKET}"
POD = f"{{spec: {{containers: [{{name: c, image: a}}], {SOCKET}}}}}"
AGENT = f"spec: {{{MOUNTED}, env: [{{name: CONTAINER_RUNTIME, value: docker}}]}}"
EXTRA = "controllerManager: {extraVolumes: [{name: d, hostPath: /var/run/docker.sock, mountPath: /d}]}"
NODE = "nodeRegistration: {criSocket: /run/dockershim.sock}"
NODES = f"{{clusterConfiguration: {{{EXTRA}}}, initConfiguration: {{{NODE}}}, preKubeadmCommands: [systemctl restart docker]}}"
KUBEADM = ["D2C301", "D2C318", "D2C716"]

CASES = {
    "argoproj.io/v1alpha1 Workflow": (f"spec: {{templates: [{{name: a, container: {{image: a}}}}], {SOCKET}}}", ["D2C301"]),
    "argoproj.io/v1alpha1 WorkflowTemplate": (
        f"spec: {{templates: [{{dag: {{tasks: [{{inline: {{container: {{image: a}}, {SOCKET}}}}}]}}}}]}}",
        ["D2C301"],
    ),
    "argoproj.io/v1alpha1 ClusterWorkflowTemplate": (
        f"spec: {{templates: [{{steps: [[{{inline: {{script: {{image: a}}, {SOCKET}}}}}]]}}]}}",
        ["D2C301"],
    ),
    "argoproj.io/v1alpha1 CronWorkflow": (
        f"spec: {{workflowSpec: {{templates: [{{container: {{image: a}}, {SOCKET}}}]}}}}",
        ["D2C301"],
    ),
    "argoproj.io/v1alpha1 Application": (
        f"spec:\n  source:\n    helm:\n      values: |\n        agent:\n          extra{SOCKET.capitalize()}\n".replace(
            "hostpath", "hostPath"
        ),
        ["D2C301"],
    ),
    "argoproj.io/v1alpha1 ApplicationSet": (
        f"spec: {{template: {{spec: {{sources: [{{helm: {{valuesObject: {{agent: {{{SOCKET}}}}}}}}}]}}}}}}",
        ["D2C301"],
    ),
    "argoproj.io/v1alpha1 Rollout": (f"spec: {{template: {POD}}}", ["D2C301"]),
    "argoproj.io/v1alpha1 Sensor": (
        f"spec: {{triggers: [{{template: {{k8s: {{source: {{resource: {{apiVersion: v1, kind: Pod, {POD[1:]}}}}}}}}}]}}",
        ["D2C301"],
    ),
    "helm.toolkit.fluxcd.io/v2 HelmRelease": (f"spec: {{values: {{{SOCKET}}}}}", ["D2C301"]),
    "helm.cattle.io/v1 HelmChart": (f"spec:\n  valuesContent: |-\n    {SOCKET}\n", ["D2C301"]),
    "kustomize.config.k8s.io/v1alpha1 Component": (f"patches:\n- patch: |-\n    {SOCKET}\n", ["D2C301"]),
    "litmuschaos.io/v1alpha1 ChaosEngine": (
        "spec: {experiments: [{spec: {components: {env: [{name: CONTAINER_RUNTIME, value: docker}]},"
        f" probe: [{{cmdProbe/inputs: {{source: {{image: a, privileged: true, {SOCKET}}}}}}}]}}}}]}}",
        ["D2C301", "D2C304", "D2C318"],
    ),
    "litmuschaos.io/v1alpha1 ChaosExperiment": (
        "spec: {definition: {image: a, securityContext: {containerSecurityContext: {privileged: true}},"
        " hostFileVolumes: [{name: s, mountPath: /s, nodePath: /run/docker.sock}]}}",
        ["D2C301", "D2C304"],
    ),
    "opentelemetry.io/v1beta1 OpenTelemetryCollector": (
        f"{AGENT[:-1]}, args: {{a: b}}, config: {{receivers: {{docker_stats: {{}}}}}}}}",
        ["D2C301", "D2C314", "D2C318"],
    ),
    "opentelemetry.io/v1alpha1 Instrumentation": ("spec: {java: {env: [{name: CONTAINER_RUNTIME, value: docker}]}}", ["D2C318"]),
    "cloudwatch.aws.amazon.com/v1alpha1 AmazonCloudWatchAgent": (AGENT, ["D2C301", "D2C318"]),
    "fluentbit.fluent.io/v1alpha2 FluentBit": (
        f"spec: {{image: a, volumesMounts: [{{name: s, mountPath: /s}}], containerSecurityContext: {{privileged: true}}, {SOCKET}}}",
        ["D2C301", "D2C304"],
    ),
    "fluentd.fluent.io/v1alpha1 Fluentd": (
        f"spec: {{image: a, envVars: [{{name: RUNTIME, value: docker}}], {SOCKET}}}",
        ["D2C301", "D2C318"],
    ),
    "fluentbit.fluent.io/v1alpha2 ClusterInput": ("spec: {tail: {parser: docker, dockerMode: true}}", ["D2C314", "D2C314"]),
    "fluentbit.fluent.io/v1alpha2 ClusterFilter": ("spec: {filters: [{parser: {parser: docker}}]}", ["D2C314"]),
    "beat.k8s.elastic.co/v1beta1 Beat": (
        f"spec: {{type: filebeat, daemonSet: {{podTemplate: {POD}}}, config: {{filebeat.inputs: [{{type: docker}}]}}}}",
        ["D2C301", "D2C314"],
    ),
    "monitoring.coreos.com/v1 Prometheus": (f"spec: {{{MOUNTED}, containers: [{{name: side}}]}}", ["D2C301"]),
    "monitoring.coreos.com/v1 Alertmanager": (f"spec: {{{MOUNTED}}}", ["D2C301"]),
    "monitoring.coreos.com/v1 ThanosRuler": (f"spec: {{{MOUNTED}}}", ["D2C301"]),
    "monitoring.coreos.com/v1 PrometheusRule": ("spec: {groups: [{rules: [{expr: 'a{container_label_x=\"y\"}'}]}]}", ["D2C316"]),
    "monitoring.coreos.com/v1alpha1 ScrapeConfig": (
        "spec: {metricRelabelings: [{sourceLabels: [container_label_app], targetLabel: app}]}",
        ["D2C316"],
    ),
    "bootstrap.cluster.x-k8s.io/v1beta1 KubeadmConfig": (f"spec: {NODES}", KUBEADM),
    "bootstrap.cluster.x-k8s.io/v1beta1 KubeadmConfigTemplate": (f"spec: {{template: {{spec: {NODES}}}}}", KUBEADM),
    "controlplane.cluster.x-k8s.io/v1beta1 KubeadmControlPlane": (f"spec: {{kubeadmConfigSpec: {NODES}}}", KUBEADM),
    "controlplane.cluster.x-k8s.io/v1beta1 KubeadmControlPlaneTemplate": (
        f"spec: {{template: {{spec: {{kubeadmConfigSpec: {NODES}}}}}}}",
        KUBEADM,
    ),
    "kubeadm.k8s.io/v1beta3 ClusterConfiguration": (EXTRA, ["D2C301"]),
    "kubeadm.k8s.io/v1beta3 InitConfiguration": (NODE, ["D2C318"]),
    "kubeadm.k8s.io/v1beta4 JoinConfiguration": (
        "nodeRegistration: {kubeletExtraArgs: [{name: container-runtime, value: docker}]}",
        ["D2C318"],
    ),
    "kubelet.config.k8s.io/v1beta1 KubeletConfiguration": ("containerRuntimeEndpoint: unix:///run/cri-dockerd.sock", ["D2C318"]),
    "tekton.dev/v1 Task": (f"spec: {{steps: [{{image: a}}], {SOCKET}}}", ["D2C301"]),
    "tekton.dev/v1 Pipeline": (f"spec: {{finally: [{{taskSpec: {{steps: [{{image: a}}], {SOCKET}}}}}]}}", ["D2C301"]),
    "triggers.tekton.dev/v1beta1 TriggerTemplate": (
        f"spec: {{resourcetemplates: [{{apiVersion: tekton.dev/v1, kind: Task, spec: {{steps: [{{image: a}}], {SOCKET}}}}}]}}",
        ["D2C301"],
    ),
    "serving.knative.dev/v1 Service": (f"spec: {{template: {POD}}}", ["D2C301"]),
    "serving.knative.dev/v1 Revision": (POD[1:-1], ["D2C301"]),
    "apps.kruise.io/v1alpha1 CloneSet": (f"spec: {{template: {POD}}}", ["D2C301"]),
    "apps.kruise.io/v1alpha1 AdvancedCronJob": (f"spec: {{template: {{jobTemplate: {{spec: {{template: {POD}}}}}}}}}", ["D2C301"]),
    "apps.kruise.io/v1alpha1 SidecarSet": (POD[1:-1], ["D2C301"]),
    "apps.kruise.io/v1alpha1 UnitedDeployment": (
        f"spec: {{template: {{cloneSetTemplate: {{spec: {{template: {POD}}}}}}}}}",
        ["D2C301"],
    ),
    "kubeflow.org/v1 TFJob": (f"spec: {{tfReplicaSpecs: {{Worker: {{template: {POD}}}}}}}", ["D2C301"]),
    "kubeflow.org/v1 PyTorchJob": (f"spec: {{pytorchReplicaSpecs: {{Master: {{template: {POD}}}}}}}", ["D2C301"]),
    "kubeflow.org/v1 MPIJob": (f"spec: {{mpiReplicaSpecs: {{Launcher: {{template: {POD}}}}}}}", ["D2C301"]),
    "batch.volcano.sh/v1alpha1 Job": (f"spec: {{tasks: [{{template: {POD}}}]}}", ["D2C301"]),
    "ray.io/v1 RayCluster": (f"spec: {{headGroupSpec: {{template: {POD}}}}}", ["D2C301"]),
    "apps.openshift.io/v1 DeploymentConfig": (f"spec: {{template: {POD}}}", ["D2C301"]),
    "template.openshift.io/v1 Template": (f"objects: [{{apiVersion: v1, kind: Pod, {POD[1:]}]", ["D2C301"]),
}
FAMILIES = ("D2C301", "D2C302", "D2C304", "D2C314", "D2C315", "D2C316", "D2C318", "D2C701", "D2C710", "D2C716")


def written(kind: str, body: str) -> str:
    version, name = kind.split()
    return f"apiVersion: {version}\nkind: {name}\nmetadata: {{name: n}}\n{body}\n"


@pytest.mark.parametrize("kind", CASES)
def test_what_the_ways_of_a_kind_lead_to_is_told_once(kind: str) -> None:
    body, codes = CASES[kind]
    version, name = kind.split()
    assert known(version, name) is not None
    assert sorted(line.split()[1] for line in said(scanned(written(kind, body)), *FAMILIES)) == codes


@pytest.mark.parametrize(
    ("kind", "body", "seen"),
    [
        (
            "litmuschaos.io/v1alpha1 ChaosExperiment",
            "spec:\n  definition:\n    hostFileVolumes:\n    - name: s\n      mountPath: /s\n      nodePath: /run/docker.sock",
            ["9:7 D2C301 ChaosExperiment n"],
        ),
        (
            "kubeadm.k8s.io/v1beta3 ClusterConfiguration",
            "apiServer:\n  extraVolumes:\n  - name: s\n    hostPath: /var/lib/docker\n    mountPath: /s",
            ["7:5 D2C302 ClusterConfiguration n"],
        ),
        (
            "helm.cattle.io/v1 HelmChart",
            "spec:\n  valuesContent: |\n    a:\n      volumes:\n      - name: s\n        hostPath: {path: /run/docker.sock}",
            ["9:20 D2C301 HelmChart n"],
        ),
        (
            "argoproj.io/v1alpha1 Application",
            "spec:\n  source:\n    helm:\n      values: |\n        volumes: [&v {name: s, hostPath: {path: /run/docker.sock}}, *v]",
            ["8:43 D2C301 Application n", "8:43 D2C301 Application n"],
        ),
        (
            "fluentbit.fluent.io/v1alpha2 FluentBit",
            f"spec:\n  volumesMounts: [{{name: s, mountPath: /s}}]\n  {SOCKET}",
            ["6:34 D2C301 FluentBit n"],
        ),
        (
            "opentelemetry.io/v1beta1 OpenTelemetryCollector",
            "spec:\n  config:\n    receivers:\n      docker_stats:\n        api_version: '1.40'",
            ["7:7 D2C314 OpenTelemetryCollector n"],
        ),
    ],
)
def test_a_finding_stands_where_it_was_written(kind: str, body: str, seen: list[str]) -> None:
    assert [line.split(": ")[0] for line in said(scanned(written(kind, body)), *FAMILIES)] == seen


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("argoproj.io/v1alpha1 Rollout", "spec: {workloadRef: {kind: Deployment, name: docker}}"),
        ("batch.volcano.sh/v1alpha1 Job", "spec: {tasks: [{template: {spec: {containers: [{name: a, image: docker-x}]}}}]}"),
        (
            "argoproj.io/v1alpha1 Application",
            "spec:\n  source:\n    helm:\n      values: |\n        description: 'mounts /run/docker.sock'",
        ),
        (
            "litmuschaos.io/v1alpha1 ChaosExperiment",
            "spec: {definition: {hostFileVolumes: [{name: s, mountPath: /s, nodePath: /run/crio/crio.sock}]}}",
        ),
        ("opentelemetry.io/v1beta1 OpenTelemetryCollector", "spec: {image: docker-x, args: {a: docker}, config: {receivers: {otlp: {}}}}"),
        ("opentelemetry.io/v1alpha1 Instrumentation", "spec: {java: {image: docker.io/a/b}}"),
        ("fluentbit.fluent.io/v1alpha2 ClusterInput", "spec: {tail: {multilineParser: 'docker, cri'}}"),
        ("fluentbit.fluent.io/v1alpha2 ClusterFilter", "spec: {filters: [{kubernetes: {labels: false}}, {grep: {regex: docker .*}}]}"),
        ("monitoring.coreos.com/v1 PrometheusRule", "spec: {groups: [{rules: [{expr: up, annotations: {description: 'id=\"docker\"'}}]}]}"),
        (
            "controlplane.cluster.x-k8s.io/v1beta1 KubeadmControlPlane",
            "spec: {kubeadmConfigSpec: {preKubeadmCommands: [systemctl restart containerd # docker]}}",
        ),
        ("kubeadm.k8s.io/v1beta3 InitConfiguration", "nodeRegistration: {criSocket: unix:///run/containerd/containerd.sock, name: docker}"),
        (
            "monitoring.coreos.com/v1 Prometheus",
            "spec: {image: docker.io/p, containers: [{name: prometheus}], volumes: [{name: d, emptyDir: {}}]}",
        ),
    ],
)
def test_other_values_of_known_kinds_say_nothing(kind: str, body: str) -> None:
    assert said(scanned(written(kind, body)), *FAMILIES) == []


def test_every_group_of_the_table_is_tried() -> None:
    assert {group for group, _ in KNOWN} == {kind.split()[0].partition("/")[0] for kind in CASES} | {
        "sources.knative.dev",
        "jobset.x-k8s.io",
    }
