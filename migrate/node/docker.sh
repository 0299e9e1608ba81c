# The source's part of the program, for Docker: its answers, its containers, its images. Each source's part defines the
# same source_... variables and functions, and stop_source_pods, pods_in_source, stop_standalone and start_standalone.

source_title=Docker
source_service=docker.service
# only a kubelet makes it, so no unit tells of it
source_sockets=/run/dockershim.sock
# the log that says why Docker does not do what it is asked
source_log='journalctl -u docker'
source_driver_at='native.cgroupdriver: systemctl cat docker; cat /etc/docker/daemon.json'
# besides the kubelet, the units that serve the node: an installation disturbs none of them
source_serving='docker.service docker.socket containerd.service cri-docker.service'
# the namespace of containerd that its containers are in
# shellcheck disable=SC2034 # only a target that it may use asks
source_namespace=moby
# what skopeo reads its images by
# shellcheck disable=SC2034 # only a target that has skopeo asks
source_transport=docker-daemon
pod_uid=io.kubernetes.pod.uid
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH

docker() { command docker "$@" 9>&-; }

source_answers() { driver=$(timeout 20 docker info -f '{{.CgroupDriver}}' 2>&1 9>&-); }

source_lists_nothing() {
  because "Docker does not list its containers: $(docker ps -q 2>&1 | tail -n 1 | oneline); look with: $source_log"
}

# listed: every container that a kubelet made, one a line: ID, container or podsandbox, grace period, container name,
# status.
listed() {
  columns='{{.ID}}|{{.Label "io.kubernetes.docker.type"}}'
  columns="$columns|{{.Label \"annotation.io.kubernetes.pod.terminationGracePeriod\"}}"
  columns="$columns|{{.Label \"io.kubernetes.container.name\"}}|{{.Status}}"
  docker ps -a --no-trunc --filter label=$pod_uid --format "$columns"
}

# stop_source_pods: application containers at once, each by its own grace period, a control plane's in their order
# after the others, then sandboxes.
stop_source_pods() {
  all=$(listed) || source_lists_nothing || return 1
  graces=' ' plain='' late='' sandboxes=''
  IFS="|$newline"
  set -f
  # shellcheck disable=SC2086 # five words a line
  set -- $all
  set +f
  IFS=$blanks
  while [ $# -ge 5 ]; do
    case $5 in Up* | Restarting*) state=running ;; *) state=exited ;; esac
    case $2:$state:$4 in
      podsandbox:*)
        remember source "$1" "$state" || return 1
        [ $state = exited ] || sandboxes="$sandboxes $1"
        ;;
      *:exited:*) ;;
      *:kube-apiserver | *:kube-controller-manager | *:kube-scheduler | *:etcd)
        late="$late $4=$1=${3:-$grace_default}"
        ;;
      *)
        among "${3:-$grace_default}" "$graces" || graces="$graces${3:-$grace_default} "
        plain="$plain $1=${3:-$grace_default}"
        ;;
    esac
    shift 5
  done
  for grace in $graces; do
    ids=
    for one in $plain; do [ "${one#*=}" != "$grace" ] || ids="$ids ${one%=*}"; done
    # shellcheck disable=SC2086 # IDs
    { docker stop -t "$grace" $ids >/dev/null 2>&1; } 9>&- &
  done
  wait
  for part in kube-apiserver kube-controller-manager kube-scheduler etcd; do
    for one in $late; do
      id=${one#*=}
      [ "${one%%=*}" != "$part" ] || docker stop -t "${id#*=}" "${id%=*}" >/dev/null 2>&1
    done
  done
  # shellcheck disable=SC2086 # IDs
  [ -z "$sandboxes" ] || docker stop -t 10 $sandboxes >/dev/null 2>&1
  left=$(docker ps -q --filter label=$pod_uid) || source_lists_nothing || return 1
  [ -z "$left" ] ||
    because "containers of the kubelet still run in Docker: $(printf %s "$left" | oneline);" \
      "docker says why: docker stop ID; $source_log"
}

# pods_in_source: how many pods have a running application container in Docker.
pods_in_source() {
  docker ps --filter label=io.kubernetes.docker.type=container --format "{{.Label \"$pod_uid\"}}" | sort -u | wc -l
}

# source_strangers: containers that run, that no kubelet made, and that the plan does not name.
source_strangers() {
  all=$(docker ps --no-trunc --format "{{.ID}} {{.Label \"$pod_uid\"}} {{.Names}}") || return 1
  printf '%s\n' "$all" | while read -r id called; do
    [ -n "$id" ] || continue
    case $called in *' '*) ;; *) among "$id" "$standalone" || printf '%s ' "$called" ;; esac
  done
}

# stop_standalone ID TIMEOUT NAME...: those that run, noted first.
stop_standalone() {
  names=
  while [ $# -ge 3 ]; do
    runs=$(running "$1" 2>&1)
    case $runs in
      # it was removed meanwhile
      false | *'No such'*) ;;
      *true*)
        add_line "$run/standalone" "$1 $3" || return 1
        { docker stop -t "$2" "$1" >/dev/null 2>&1; } 9>&- &
        names="$names $1"
        ;;
      *)
        because "Docker does not say whether container $3 runs: $(printf %s "$runs" | oneline);" \
          "look with: $source_log" || return 1
        ;;
    esac
    shift 3
  done
  wait
  for id in $names; do
    [ "$(running "$id")" = false ] ||
      because "container $id does not stop; docker says why: docker stop $id; $source_log" || return 1
  done
}

# running ID: true or false.
running() { docker inspect -f '{{.State.Running}}' "$1"; }

# start_standalone: those that ran; Docker may have started some by their restart policy.
start_standalone() {
  [ -e "$run/standalone" ] || return 0
  not_started=
  while read -r id called; do
    [ "$(running "$id" 2>/dev/null)" = true ] || docker start "$id" >/dev/null 2>&1 </dev/null ||
      not_started="$not_started $called"
  done <"$run/standalone"
  [ -z "$not_started" ] ||
    because "containers that ran do not start again:$not_started; look with: docker start$not_started"
}

# source_image REFERENCE: its ID, that of its configuration.
source_image() { docker inspect --type image -f '{{.Id}}' "$1" 2>&1; }

# source_saves REFERENCE: the image's archive, on standard output.
source_saves() { docker save "$1"; }
