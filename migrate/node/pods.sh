# Containers: the kubelet's in Docker, the sandboxes' addresses, and those that nobody but Docker knows.

grace_default=30
leases=$root/var/lib/cni

# listed: every container that a kubelet made, one a line: ID, container or podsandbox, grace period, container name, status.
listed() {
  docker ps -a --no-trunc --filter label=io.kubernetes.pod.uid --format \
    '{{.ID}}|{{.Label "io.kubernetes.docker.type"}}|{{.Label "annotation.io.kubernetes.pod.terminationGracePeriod"}}|{{.Label "io.kubernetes.container.name"}}|{{.Status}}'
}

# remember docker|new ID STATE: a sandbox whose address is to be released; noted before it is stopped.
remember() { add_line "$run/sandboxes" "$*"; }

docker_lists_nothing() { because "Docker does not list its containers: $(docker ps -q 2>&1 | tail -n 1 | oneline); look with: journalctl -u docker"; }

# stop_in_docker: application containers at once, each by its own grace period, a control plane's in their order after the others, then sandboxes.
stop_in_docker() {
  all=$(listed) || docker_lists_nothing || return 1
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
        remember docker "$1" "$state" || return 1
        [ $state = exited ] || sandboxes="$sandboxes $1"
        ;;
      *:exited:*) ;;
      *:kube-apiserver | *:kube-controller-manager | *:kube-scheduler | *:etcd) late="$late $4=$1=${3:-$grace_default}" ;;
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
      rest=${one#*=}
      [ "${one%%=*}" != "$part" ] || docker stop -t "${rest#*=}" "${rest%=*}" >/dev/null 2>&1
    done
  done
  # shellcheck disable=SC2086 # IDs
  [ -z "$sandboxes" ] || docker stop -t 10 $sandboxes >/dev/null 2>&1
  left=$(docker ps -q --filter label=io.kubernetes.pod.uid) || docker_lists_nothing || return 1
  [ -z "$left" ] || because "containers of the kubelet still run in Docker: $(printf %s "$left" | oneline); docker says why: docker stop ID; journalctl -u docker"
}

# stop_all_new_pods SOCKET: what the kubelet asked for in its last moment may come into being while the others are stopped.
stop_all_new_pods() {
  stop_new_pods "$1" || return 1
  ! settled 1 new_pods_there "$1" || stop_new_pods "$1"
}

# over_cri SOCKET WORD...: its own two seconds are too short for a slow CNI plugin.
over_cri() {
  socket=$1
  shift
  crictl --timeout 60s -r "unix://$socket" "$@"
}

# release docker|new: nobody calls CNI DEL for the sandboxes that were stopped: their leases, cached results and nat rules go, found by their IDs.
release() {
  [ -e "$run/sandboxes" ] || return 0
  ids=$(sed -n "s/^$1 \([^ ]*\).*/\1/p" "$run/sandboxes" | sort -u)
  [ -n "$ids" ] || return 0
  ids_file=$run/sandboxes.$1
  write_whole "$ids_file" "$ids" || return 1
  # host-local ends the line with CR LF; the ID stands alone on the first
  held=$(grep -lF -f "$ids_file" -- "$leases"/networks/*/* 2>/dev/null)
  IFS=$newline
  set -f
  # shellcheck disable=SC2086 # one path a line
  set -- $held
  set +f
  IFS=$blanks
  [ $# -eq 0 ] || change rm -f -- "$@" || return 1
  for id in $ids; do
    change rm -f -- "$leases"/cache/results/*-"$id"-* "$leases"/results/*-"$id"-* || return 1
  done
  for table in iptables ip6tables; do
    ! has "$table-save" || release_rules "$table" "$ids_file" || return 1
  done
}

# release_rules TABLES FILE: the rules whose comment carries an ID of FILE, and the chains they lead to, in one transaction.
release_rules() {
  if ! saved=$("$1-save" -t nat 2>/dev/null); then
    # a kernel without IPv6 has no ip6tables either
    case $1:$(cd "$root/proc/net" 2>/dev/null && echo if_inet6*) in
      ip6tables:if_inet6 | iptables:*) note "nat rules of stopped sandboxes may be left, $1-save does not answer: $("$1-save" -t nat 2>&1 | tail -n 1 | oneline)" ;;
    esac
    return 0
  fi
  rules=$(printf '%s\n' "$saved" | grep -F -f "$2" | grep '^-A')
  [ -n "$rules" ] || return 0
  chains=$(printf '%s\n' "$rules" | sed -n 's/.* -j \(CNI-[A-Za-z0-9-]*\).*/\1/p' | sort -u)
  transaction=$(
    echo '*nat'
    printf '%s\n' "$rules" | while IFS= read -r rule; do
      chain=${rule#-A }
      case "$newline$chains$newline" in *"$newline${chain%% *}$newline"*) ;; *) printf '%s\n' "-D${rule#-A}" ;; esac
    done
    [ -z "$chains" ] || printf '%s\n' "$chains" | sed 's/^/-F /'
    [ -z "$chains" ] || printf '%s\n' "$chains" | sed 's/^/-X /'
    echo COMMIT
  )
  settled 2 restore_rules "$1" || because "nat rules of stopped sandboxes cannot be removed: $(printf %s "$said" | oneline); they are told by: $1-save -t nat | grep -F -f $2"
}

restore_rules() { said=$(printf '%s\n' "$transaction" | "$1-restore" --noflush 2>&1); }

# stop_standalone ID TIMEOUT NAME...: those that run, noted first.
stop_standalone() {
  names=
  while [ $# -ge 3 ]; do
    runs=$(docker inspect -f '{{.State.Running}}' "$1" 2>&1)
    case $runs in
      # somebody removed it
      false | *'No such'*) ;;
      *true*)
        add_line "$run/standalone" "$1 $3" || return 1
        { docker stop -t "$2" "$1" >/dev/null 2>&1; } 9>&- &
        names="$names $1"
        ;;
      *) because "Docker does not say whether container $3 runs: $(printf %s "$runs" | oneline); look with: journalctl -u docker" || return 1 ;;
    esac
    shift 3
  done
  wait
  for id in $names; do
    [ "$(docker inspect -f '{{.State.Running}}' "$id")" = false ] || because "container $id does not stop; docker says why: docker stop $id; journalctl -u docker" || return 1
  done
}

# start_standalone: those that ran; Docker may have started some by their restart policy.
start_standalone() {
  [ -e "$run/standalone" ] || return 0
  failed=
  while read -r id called; do
    [ "$(docker inspect -f '{{.State.Running}}' "$id" 2>/dev/null)" = true ] || docker start "$id" >/dev/null 2>&1 </dev/null || failed="$failed $called"
  done <"$run/standalone"
  [ -z "$failed" ] || because "containers that ran do not start again:$failed; look with: docker start$failed"
}

# strangers: containers that run, that no kubelet made, and that the plan does not name.
strangers() {
  all=$(docker ps --no-trunc --format '{{.ID}} {{.Label "io.kubernetes.pod.uid"}} {{.Names}}') || return 1
  printf '%s\n' "$all" | while read -r id rest; do
    [ -n "$id" ] || continue
    case $rest in *' '*) ;; *) among "$id" "$standalone" || printf '%s ' "$rest" ;; esac
  done
}

# pods_in_docker: how many pods have a running application container in Docker.
pods_in_docker() {
  docker ps --filter label=io.kubernetes.docker.type=container --format '{{.Label "io.kubernetes.pod.uid"}}' | sort -u | wc -l
}

# enough_pods COUNT: so many pods are back.
enough_pods() { [ "$(pods_in_docker)" -ge "$1" ]; }

# wait_for_pods SECONDS: as many pods as ran in Docker before are there again, at least one of them.
wait_for_pods() {
  [ -e "$run/sandboxes" ] || return 0
  expected=$(sort -u "$run/sandboxes" | grep -c '^docker .* running$')
  [ "$expected" -gt 0 ] || return 0
  settled "$1" enough_pods "$expected" && return 0
  count=$(pods_in_docker)
  [ "$count" -gt 0 ] || because "none of $expected pods runs in Docker $1 s after the kubelet's start; look with: journalctl -u $kubelet" || return 1
  note "$count of $expected pods run in Docker $1 s after the kubelet's start"
}
