"""Custom resources and configurations of well-known programs: where each keeps pods, values of charts, scripts and log configurations.

A way leads through keys, `[]` to each item of a list, `*` to each value of a mapping. What no way leads to is searched by shape and value.
Sources: the API types of each project, named beside its entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from yaml.nodes import Node

from migrate.manifests.nodes import get, items, pairs

Ways = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownKind:
    """What the ways of one kind lead to.

    `templates` are pod templates, `specs` pod specifications, `agents` mappings that hold fields of a pod and of its one container side by
    side, under other `names` in part (`.` is the mapping itself). `mounts` are lists whose items are a host path and its mount in one,
    `workflows` those of Argo, `tasks` those of Tekton. `objects` are whole objects, `values` those of a chart (a tree or a text), `scripts`
    commands that run on nodes, `configs` configurations of log and metrics agents, judged as the text that they make.
    """

    templates: Ways = ()
    specs: Ways = ()
    agents: Ways = ()
    names: tuple[tuple[str, str], ...] = ()
    mounts: Ways = ()
    workflows: Ways = ()
    tasks: Ways = ()
    objects: Ways = ()
    values: Ways = ()
    scripts: Ways = ()
    configs: Ways = ()


def _below(way: str, ways: Ways) -> Ways:
    return tuple(f"{way}{one}" for one in ways)


def _kubeadm(way: str) -> KnownKind:
    """A KubeadmConfigSpec (cluster-api bootstrap/kubeadm/api/v1beta1); its mounts are those of kubeadm's ClusterConfiguration."""
    return KnownKind(
        mounts=_below(f"{way}.clusterConfiguration.", _VOLUMES),
        scripts=_below(way, (".preKubeadmCommands[]", ".postKubeadmCommands[]", ".files[].content")),
    )


def _replicas(key: str) -> KnownKind:
    return KnownKind(templates=(f"spec.{key}.*.template",))


_VOLUMES = ("apiServer.extraVolumes", "controllerManager.extraVolumes", "scheduler.extraVolumes")
_TEMPLATE = KnownKind(templates=("spec.template",))
_HELM = (".helm.values", ".helm.valuesObject")
_SOURCES = (*_below(".source", _HELM), *_below(".sources[]", _HELM))
_MONITORED = KnownKind(agents=("spec",))
_PROBES = ".probe[].cmdProbe/inputs.source"
_FLUENT = (("env", "envVars"), ("volumeMounts", "volumesMounts"), ("securityContext", "containerSecurityContext"))
PATCHED = KnownKind(values=("patches[].patch", "patchesJson6902[].patch", "patchesStrategicMerge[]"))
_RAY = (".headGroupSpec.template", ".workerGroupSpecs[].template")


def _chaos(way: str) -> KnownKind:
    """A ChaosEngineSpec (litmuschaos/chaos-operator api/litmuschaos/v1alpha1)."""
    each = f"{way}.experiments[].spec"
    return KnownKind(
        agents=(f"{way}.components.runner", f"{way}.components.sidecar[]", f"{each}.components", f"{each}{_PROBES}"),
        names=(("image", "experimentImage"), ("volumeMounts", "volumeMount"), ("securityContext", ".")),
    )


KNOWN: dict[tuple[str, str], KnownKind] = {
    # argo-workflows pkg/apis/workflow/v1alpha1, argo-cd and argo-rollouts pkg/apis, argo-events (Sensor)
    ("argoproj.io", "Workflow"): KnownKind(workflows=("spec",)),
    ("argoproj.io", "WorkflowTemplate"): KnownKind(workflows=("spec",)),
    ("argoproj.io", "ClusterWorkflowTemplate"): KnownKind(workflows=("spec",)),
    ("argoproj.io", "CronWorkflow"): KnownKind(workflows=("spec.workflowSpec",)),
    ("argoproj.io", "Application"): KnownKind(values=_below("spec", _SOURCES)),
    ("argoproj.io", "ApplicationSet"): KnownKind(values=_below("spec.template.spec", _SOURCES)),
    ("argoproj.io", "Rollout"): _TEMPLATE,
    ("argoproj.io", "Sensor"): KnownKind(templates=("spec.template",), objects=("spec.triggers[].template.*.source.resource",)),
    # fluxcd/helm-controller api/v2, k3s-io/helm-controller
    ("helm.toolkit.fluxcd.io", "HelmRelease"): KnownKind(values=("spec.values",)),
    ("helm.cattle.io", "HelmChart"): KnownKind(values=("spec.valuesContent",)),
    ("helm.cattle.io", "HelmChartConfig"): KnownKind(values=("spec.valuesContent",)),
    # litmuschaos/chaos-operator api/litmuschaos/v1alpha1
    ("litmuschaos.io", "ChaosEngine"): _chaos("spec"),
    ("litmuschaos.io", "ChaosSchedule"): _chaos("spec.engineTemplateSpec"),
    ("litmuschaos.io", "ChaosExperiment"): KnownKind(
        agents=("spec.definition",),
        names=(("securityContext", "securityContext.containerSecurityContext"),),
        mounts=("spec.definition.hostFileVolumes",),
    ),
    # opentelemetry-operator apis/v1beta1/common.go, amazon-cloudwatch-agent-operator docs/api.md
    ("opentelemetry.io", "OpenTelemetryCollector"): KnownKind(agents=("spec", "spec.targetAllocator"), configs=("spec.config",)),
    ("opentelemetry.io", "Instrumentation"): KnownKind(agents=("spec", "spec.*")),
    ("cloudwatch.aws.amazon.com", "AmazonCloudWatchAgent"): KnownKind(agents=("spec",), configs=("spec.config", "spec.otelConfig")),
    ("cloudwatch.aws.amazon.com", "Instrumentation"): KnownKind(agents=("spec", "spec.*")),
    # fluent-operator apis/fluentbit/v1alpha2, apis/fluentd/v1alpha1; cloud-on-k8s pkg/apis/beat
    ("fluentbit.fluent.io", "FluentBit"): KnownKind(agents=("spec",), names=_FLUENT),
    ("fluentbit.fluent.io", "Collector"): KnownKind(agents=("spec",), names=_FLUENT),
    ("fluentd.fluent.io", "Fluentd"): KnownKind(agents=("spec",), names=(("env", "envVars"), ("securityContext", ""))),
    **{
        ("fluentbit.fluent.io", f"{scope}{kind}"): KnownKind(configs=("spec",))
        for scope in ("", "Cluster")
        for kind in ("Input", "Parser", "Filter", "MultilineParser")
    },
    ("beat.k8s.elastic.co", "Beat"): KnownKind(
        templates=("spec.daemonSet.podTemplate", "spec.deployment.podTemplate"), configs=("spec.config",)
    ),
    # prometheus-operator pkg/apis/monitoring (v1, v1alpha1)
    ("monitoring.coreos.com", "Prometheus"): _MONITORED,
    ("monitoring.coreos.com", "PrometheusAgent"): _MONITORED,
    ("monitoring.coreos.com", "Alertmanager"): _MONITORED,
    ("monitoring.coreos.com", "ThanosRuler"): _MONITORED,
    ("monitoring.coreos.com", "PrometheusRule"): KnownKind(configs=("spec",)),
    ("monitoring.coreos.com", "ScrapeConfig"): KnownKind(configs=("spec",)),
    # cluster-api bootstrap/kubeadm and controlplane/kubeadm; kubernetes cmd/kubeadm/app/apis
    ("bootstrap.cluster.x-k8s.io", "KubeadmConfig"): _kubeadm("spec"),
    ("bootstrap.cluster.x-k8s.io", "KubeadmConfigTemplate"): _kubeadm("spec.template.spec"),
    ("controlplane.cluster.x-k8s.io", "KubeadmControlPlane"): _kubeadm("spec.kubeadmConfigSpec"),
    ("controlplane.cluster.x-k8s.io", "KubeadmControlPlaneTemplate"): _kubeadm("spec.template.spec.kubeadmConfigSpec"),
    ("kubeadm.k8s.io", "ClusterConfiguration"): KnownKind(mounts=_VOLUMES),
    ("kubeadm.k8s.io", "InitConfiguration"): KnownKind(configs=("nodeRegistration",)),
    ("kubeadm.k8s.io", "JoinConfiguration"): KnownKind(configs=("nodeRegistration",)),
    ("kubelet.config.k8s.io", "KubeletConfiguration"): KnownKind(configs=("",)),
    # tektoncd/pipeline pkg/apis/pipeline/v1, tektoncd/triggers
    ("tekton.dev", "Task"): KnownKind(tasks=("spec",)),
    ("tekton.dev", "ClusterTask"): KnownKind(tasks=("spec",)),
    ("tekton.dev", "TaskRun"): KnownKind(tasks=("spec.taskSpec",)),
    ("tekton.dev", "Pipeline"): KnownKind(tasks=("spec.tasks[].taskSpec", "spec.finally[].taskSpec")),
    ("tekton.dev", "PipelineRun"): KnownKind(tasks=("spec.pipelineSpec.tasks[].taskSpec", "spec.pipelineSpec.finally[].taskSpec")),
    ("triggers.tekton.dev", "TriggerTemplate"): KnownKind(objects=("spec.resourcetemplates[]",)),
    # knative/serving pkg/apis/serving/v1, knative/eventing pkg/apis/sources
    ("serving.knative.dev", "Service"): _TEMPLATE,
    ("serving.knative.dev", "Configuration"): _TEMPLATE,
    ("serving.knative.dev", "Revision"): KnownKind(specs=("spec",)),
    ("sources.knative.dev", "ContainerSource"): _TEMPLATE,
    # openkruise/kruise apis/apps
    **{("apps.kruise.io", kind): _TEMPLATE for kind in ("CloneSet", "StatefulSet", "DaemonSet", "BroadcastJob")},
    ("apps.kruise.io", "AdvancedCronJob"): KnownKind(
        templates=("spec.template.jobTemplate.spec.template", "spec.template.broadcastJobTemplate.spec.template")
    ),
    ("apps.kruise.io", "SidecarSet"): KnownKind(specs=("spec",)),
    ("apps.kruise.io", "UnitedDeployment"): KnownKind(templates=("spec.template.*.spec.template",)),
    # kubernetes-sigs/kustomize api/types: patches that are written in the kustomization itself
    ("kustomize.config.k8s.io", "Kustomization"): PATCHED,
    ("kustomize.config.k8s.io", "Component"): PATCHED,
    # kubeflow/training-operator pkg/apis/kubeflow.org/v1, notebooks, katib; jobset, volcano, kuberay
    ("kubeflow.org", "TFJob"): _replicas("tfReplicaSpecs"),
    ("kubeflow.org", "PyTorchJob"): _replicas("pytorchReplicaSpecs"),
    ("kubeflow.org", "MPIJob"): _replicas("mpiReplicaSpecs"),
    ("kubeflow.org", "XGBoostJob"): _replicas("xgbReplicaSpecs"),
    ("kubeflow.org", "MXJob"): _replicas("mxReplicaSpecs"),
    ("kubeflow.org", "PaddleJob"): _replicas("paddleReplicaSpecs"),
    ("kubeflow.org", "JAXJob"): _replicas("jaxReplicaSpecs"),
    ("kubeflow.org", "Notebook"): _TEMPLATE,
    ("kubeflow.org", "Experiment"): KnownKind(objects=("spec.trialTemplate.trialSpec",)),
    ("jobset.x-k8s.io", "JobSet"): KnownKind(templates=("spec.replicatedJobs[].template.spec.template",)),
    ("batch.volcano.sh", "Job"): KnownKind(templates=("spec.tasks[].template",)),
    ("ray.io", "RayCluster"): KnownKind(templates=_below("spec", _RAY)),
    ("ray.io", "RayJob"): KnownKind(templates=_below("spec.rayClusterSpec", _RAY)),
    ("ray.io", "RayService"): KnownKind(templates=_below("spec.rayClusterConfig", _RAY)),
    # openshift/api apps/v1, template/v1
    ("apps.openshift.io", "DeploymentConfig"): _TEMPLATE,
    ("template.openshift.io", "Template"): KnownKind(objects=("objects[]",)),
}


def known(version: str, kind: str) -> KnownKind | None:
    """The entry of an object's `apiVersion` and kind, in every version of its group."""
    return KNOWN.get((version.partition("/")[0] if "/" in version else "", kind))


def along(node: Node, way: str) -> Iterator[Node]:
    """The nodes that a way leads to; the node itself for an empty one."""
    found = [node]
    for step in way.split(".") if way else ():
        key, each = step.removesuffix("[]"), step.endswith("[]")
        if key == "*":
            found = [value for one in found for _, value in pairs(one).values()]
            continue
        found = [inner for one in found if (inner := get(one, key)) is not None]
        found = [item for one in found for item in items(one)] if each else found
    yield from found
