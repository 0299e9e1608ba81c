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
source_store=
# what it makes in its data root (migrate/facts/remains.py has the same), and where it mounts network namespaces
source_entries=' aufs builder buildkit containerd containers engine-id fuse-overlayfs image network nuked overlay'
source_entries="$source_entries nuke-graph-directory.sh overlay2 plugins rootfs runtimes swarm tmp tmp-old trust vfs"
source_entries="$source_entries volumes "
source_namespaces=/run/docker/netns
pod_uid=io.kubernetes.pod.uid
# how a kubelet names its containers: an image that was committed of one hands the labels on to any container of it
pod_named='^/?k8s_'
pod_sandbox=io.kubernetes.docker.type=podsandbox
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH

# Docker answers within a minute, or it does not answer: one that is stuck on a container lists none. What may take
# longer is called by `command`.
docker() { timeout 60 docker "$@" 9>&-; }

# source_left PATH: it is one that it leaves, and that a cleanup may remove.
source_left() {
  case $1 in
    /etc/systemd/system/*docker* | /usr/local/lib/systemd/system/*docker*) ;;
    /usr/bin/*docker* | /usr/sbin/*docker* | /usr/local/bin/*docker* | /usr/local/sbin/*docker* | /opt/bin/*docker*) ;;
    /run/docker | /run/docker.pid | /run/*docker*.sock | /var/lib/docker2cri/docker-stopped) ;;
    *) return 1 ;;
  esac
}

source_answers() { driver=$(timeout 20 docker info -f '{{.CgroupDriver}}' 2>&1 9>&-); }

source_lists_nothing() {
  because "Docker does not list its containers: $(docker ps -q 2>&1 | tail -n 1 | oneline); look with: $source_log"
}

# list_ids OPTION...: $ids, of what `docker ps` lists. IDs are listed alone: an annotation of a pod, or a
# label of an image, becomes one of a container, and may hold any text, line ends and our separators too.
list_ids() {
  list=$(docker ps -q --no-trunc "$@") || source_lists_nothing || return 1
  take_ids Docker "$list"
}

# source_part PART: $ids, of the running containers of that part of a control plane.
source_part() {
  ids=' '
  ! active "$source_service" ||
    list_ids --filter label=$pod_uid --filter "label=io.kubernetes.container.name=$1" \
      --filter "label=io.kubernetes.pod.namespace=$control_plane_namespace" \
      --filter label=io.kubernetes.docker.type=container
}

# source_exec SECONDS ID WORD...: a program in a container. etcdctl 3.3 wants the API's version said.
source_exec() {
  given=$1
  shift
  timeout "$given" docker exec -e ETCDCTL_API=3 "$@" 9>&-
}
source_process() { docker inspect -f '{{.State.Pid}}' "$1"; }

source_asked() { docker kill -s TERM "$1" >/dev/null 2>&1; }
source_over() { [ "$(running "$1" 2>/dev/null)" = false ]; }

# end_by SECONDS ID...: each is given so long to end, and then killed. Where that is longer than $limit it is killed
# then, or, with $at_limit `fail`, it is asked to end and left as it is: the node may roll back.
end_by() {
  given=$1
  shift
  if [ "$given" -gt "$limit" ] && [ "$at_limit" = fail ]; then
    for id in "$@"; do ask_to_end "$id"; done
    timeout "$limit" docker wait "$@"
  else
    [ "$given" -le "$limit" ] || given=$limit
    # fifty at a time are stopped
    timeout $(((given + 30) * (1 + $# / 50))) docker stop -t "$given" "$@"
  fi >/dev/null 2>&1 9>&-
}

# ask_to_end ID: by its own signal. Not `docker stop`: Docker would keep on waiting, and kill it when its time is over.
ask_to_end() {
  signal=$(docker inspect -f '{{.Config.StopSignal}}' "$1")
  case $signal in '' | *[!A-Z0-9+-]*) signal=SIGTERM ;; esac
  docker kill -s "$signal" "$1"
}

# have_ended ID...: none of them runs.
have_ended() {
  list_ids || return 1
  still=
  for id in "$@"; do ! among "$id" "$ids" || still="$still $(called "$id")"; done
  [ -n "$still" ] || return 0
  case $at_limit in
    fail) longer='; wait longer for them or have them killed: docker2cri explain D2C139' ;;
    *) longer= ;;
  esac
  because "containers still run in Docker after their grace period or $limit s:$still;" \
    "docker says why: docker stop ID; $source_log$longer"
}

# called ID: its name.
called() {
  named=$(docker inspect -f '{{.Name}}' "$1" 2>&1) || named=$1
  printf %s "${named#/}" | oneline
}

# stop_source_pods LIMIT fail|kill: application containers at once, each by its own grace period, a control plane's in
# their order after the others, then sandboxes.
stop_source_pods() {
  limit=$1 at_limit=$2
  list_ids -a --filter "name=$pod_named" --filter label=$pod_uid --filter label=$pod_sandbox || return 1
  all=$ids
  list_ids --filter "name=$pod_named" --filter label=$pod_uid --filter label=$pod_sandbox || return 1
  sandboxes=$ids
  for id in $all; do
    state=exited
    ! among "$id" "$sandboxes" || state=running
    remember source "$id" "$state" || return 1
  done
  # labels as JSON: one line each, whatever they hold
  labels='{{json (.Label "annotation.io.kubernetes.pod.terminationGracePeriod")}}'
  labels="$labels {{json (.Label \"io.kubernetes.pod.namespace\")}}"
  labels="$labels {{json (.Label \"io.kubernetes.container.name\")}}"
  list=$(docker ps --no-trunc --filter "name=$pod_named" --filter label=$pod_uid --format "{{.ID}} $labels") ||
    source_lists_nothing || return 1
  graces=' ' plain='' late=''
  IFS=$newline
  set -f
  # shellcheck disable=SC2086 # one word a line
  set -- $list
  set +f
  IFS=$blanks
  for line in "$@"; do
    id=${line%% *} line=${line#* }
    if ! container_id "$id" || among "$id" "$sandboxes"; then continue; fi
    grace=${line%% *} part=${line#* }
    grace=${grace#\"}
    take_grace "${grace%\"}"
    name_of_part=${part#"\"$control_plane_namespace\" \""}
    name_of_part=${name_of_part%\"}
    if [ "$part" = "\"$control_plane_namespace\" \"$name_of_part\"" ] && among "$name_of_part" " $control_plane "; then
      late="$late $name_of_part=$id=$grace"
    else
      among "$grace" "$graces" || graces="$graces$grace "
      plain="$plain $id=$grace"
    fi
  done
  for grace in $graces; do
    ids=
    for one in $plain; do [ "${one#*=}" != "$grace" ] || ids="$ids ${one%=*}"; done
    # shellcheck disable=SC2086 # IDs
    { end_by "$grace" $ids; } 9>&- &
  done
  wait
  ids=
  for one in $plain; do ids="$ids ${one%=*}"; done
  # shellcheck disable=SC2086 # IDs
  have_ended $ids || return 1
  ended_parts=' '
  for part in $control_plane; do
    for one in $late; do
      [ "${one%%=*}" = "$part" ] || continue
      id=${one#*=} grace=${one##*=}
      id=${id%=*}
      ended_parts="$ended_parts$part "
      if [ "$part" = etcd ]; then
        [ "$grace" -le "$limit" ] || grace=$limit
        end_member source "$id" "$grace" || return 1
      else
        end_by "$grace" "$id"
        have_ended "$id" || return 1
      fi
    done
  done
  plane_ended "$ended_parts" || return 1
  # shellcheck disable=SC2086 # IDs
  [ "$sandboxes" = ' ' ] || end_by 10 $sandboxes
  no_pods_left
}

# no_pods_left: no container of the kubelet runs.
no_pods_left() {
  left=$(docker ps -q --filter "name=$pod_named" --filter label=$pod_uid) || source_lists_nothing || return 1
  [ -z "$left" ] ||
    because "containers of the kubelet still run in Docker: $(printf %s "$left" | oneline);" \
      "docker says why: docker stop ID; $source_log"
}

# pods_in_source: how many pods have a running application container in Docker.
pods_in_source() {
  docker ps --filter "name=$pod_named" --filter label=io.kubernetes.docker.type=container \
    --format "{{json (.Label \"$pod_uid\")}}" |
    sort -u | wc -l
}

# source_strangers: $strangers, names of containers that run, that no kubelet made, and that the plan does not name.
source_strangers() {
  list_ids || return 1
  all=$ids
  list_ids --filter "name=$pod_named" --filter label=$pod_uid || return 1
  strangers=
  for id in $all; do
    if among "$id" "$ids" || among "$id" "$standalone"; then continue; fi
    strangers="$strangers $(called "$id")"
  done
}

# stop_standalone LIMIT fail|kill (ID TIMEOUT NAME)...: those that run, noted first.
stop_standalone() {
  limit=$1 at_limit=$2 names=
  shift 2
  while [ $# -ge 3 ]; do
    container_id "$1" || because "the plan names no container: $1" || return 1
    runs=$(running "$1" 2>&1)
    case $runs in
      # it was removed meanwhile
      false | *'No such'*) ;;
      *true*)
        add_line "$run/standalone" "$1 $3" || return 1
        { end_by "$2" "$1"; } 9>&- &
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
  # shellcheck disable=SC2086 # IDs
  have_ended $names
}

# running ID: true or false.
running() { docker inspect -f '{{.State.Running}}' "$1"; }

# start_standalone: those that ran; Docker may have started some by their restart policy.
start_standalone() {
  [ -e "$run/standalone" ] || return 0
  not_started=
  while read -r id name_of; do
    container_id "$id" || continue
    [ "$(running "$id" 2>/dev/null)" = true ] || command docker start "$id" >/dev/null 2>&1 </dev/null 9>&- ||
      not_started="$not_started $name_of"
  done <"$run/standalone"
  [ -z "$not_started" ] ||
    because "containers that ran do not start again:$not_started; look with: docker start$not_started"
}

# source_image REFERENCE: its ID, that of its configuration.
source_image() { docker inspect --type image -f '{{.Id}}' "$1" 2>&1; }

# source_keeps_digests ID: its images lie in a containerd, with the digests of their registries; ID, which is one, is
# $source_called there, in the containerd at $source_store; $source_platform is the one that it runs.
source_keeps_digests() {
  source_store=
  case $(docker info -f '{{json .DriverStatus}}' 2>/dev/null) in
    *'"io.containerd.snapshotter.v1"'*) ;;
    *) return 1 ;;
  esac
  source_platform=$(docker info -f '{{.OSType}}/{{.Architecture}}' 2>/dev/null)
  # one that it started for itself, else the system's
  for source_store in "$root/run/docker/containerd/containerd.sock" "$root/run/containerd/containerd.sock"; do
    source_called=$(source_ctr images ls -q "target.digest==$1" 2>/dev/null | head -n 1)
    [ -z "$source_called" ] || return 0
  done
  source_store=
  return 1
}

# source_ctr WORD...: in the containerd that has its images.
source_ctr() { command ctr -a "$source_store" -n "$source_namespace" "$@" 9>&-; }

# source_saves REFERENCE: the image's archive, on standard output.
source_saves() {
  if [ -n "$source_store" ]; then
    source_ctr images export --platform "$source_platform" - "$source_called"
  else
    command docker save "$1" 9>&-
  fi
}

# source_proxies: the proxies by which the daemon pulls are exported.
source_proxies() {
  daemon=$(systemctl show -p MainPID "$source_service" 2>/dev/null)
  proxies=$(
    { tr '\0' '\n' <"$root/proc/${daemon#MainPID=}/environ" | grep -i -E '^(https?|no)_proxy='; } 2>/dev/null
  )
  IFS=$newline
  set -f
  # shellcheck disable=SC2086,SC2163 # one variable a line
  [ -z "$proxies" ] || export $proxies
  set +f
  IFS=$blanks
}
