# Pods: the addresses of their sandboxes, the order in which those of a control plane end, and how many run in the
# source again.

grace_default=30
# seconds that a rollback waits for the new runtime's containers; the plan says how many
stop_limit=$grace_default
leases=$root/var/lib/cni

# what the kubelet runs of a control plane, in the order in which it ends: each asks those that stand after it. All
# other pods end first, and a sandbox only when its container has ended.
control_plane='kube-apiserver kube-controller-manager kube-scheduler etcd'
control_plane_namespace=kube-system

# end_member source|target ID SECONDS: etcd is asked to end and waited for, never killed: killed under load it may lose
# what it has acknowledged (3.5.0 to 3.5.2), and another one must not start on its data while it writes.
end_member() {
  ! "$1_over" "$2" || return 0
  "$1_asked" "$2"
  until_true "$3" "$1_over" "$2" ||
    because "etcd has not ended $3 s after SIGTERM, and it is not killed (container $2);" \
      "look at its log; when it has ended: sh $run/restore.sh"
}

# ports_free PARTS: nothing listens where those of them did that keep data or elect a leader, and so no process is in
# etcd's data. Not 6443: a load balancer of the host may listen there, in front of an apiserver that has another port.
ports_free() {
  held=
  for one in etcd:2379:094B etcd:2380:094C kube-controller-manager:10257:2811 kube-scheduler:10259:2813; do
    among "${one%%:*}" "$1" || continue
    port=${one#*:}
    ! cat "$root/proc/net/tcp" "$root/proc/net/tcp6" 2>/dev/null |
      grep -q "^ *[0-9]*: [0-9A-F]*:${port#*:} [0-9A-F]*:0000 0A " || held="$held ${port%:*}"
  done
  [ -z "$held" ]
}

# plane_ended PARTS: their containers have ended, and so have their processes.
plane_ended() {
  until_true 5 ports_free "$1" ||
    because "containers of the control plane have ended, and something still listens on their ports:$held;" \
      "look with: ss -lntp"
}

# end_new_containers SOCKET ID...: of the new runtime, each by its grace period: a control plane's after the others,
# in their order.
end_new_containers() {
  from=$1
  shift
  late='' late_ids=' ' ended_parts=' '
  for part in $control_plane; do
    of_part "$from" "$part" || return 1
    late_ids="$late_ids$ids"
    for id in $ids; do late="$late $part=$id"; done
  done
  for id in "$@"; do
    if ! among "$id" "$late_ids"; then { end_new "$from" "$id" "$(grace_of "$from" "$id")"; } 9>&- & fi
  done
  wait
  for one in $late; do
    part=${one%%=*} id=${one#*=}
    ended_parts="$ended_parts$part "
    if [ "$part" = etcd ]; then
      end_member target "$id" "$(grace_of "$from" "$id")" || return 1
    else
      end_new "$from" "$id" "$(grace_of "$from" "$id")"
    fi
  done
  plane_ended "$ended_parts"
}

# remember source|target ID STATE: a sandbox whose address is to be released; noted before it is stopped.
remember() {
  container_id "$2" || because "a sandbox has no container ID: $(printf %s "$2" | oneline)" || return 1
  add_line "$run/sandboxes" "$*"
}

# take_grace WORD: $grace, of what a pod says of its grace period; the usual one where that is no number.
take_grace() {
  grace=$1
  case $1 in *[!0-9]* | 0?*) ;; ??????????*) grace=999999999 ;; esac
  number "$grace" || grace=$grace_default
}

# over_cri SOCKET WORD...: its own two seconds are too short for a slow CNI plugin. A runtime that does not answer is
# waited for no longer than $cri_patience.
cri_patience=90
over_cri() {
  socket=$1
  shift
  timeout "$cri_patience" crictl --timeout 60s -r "unix://$socket" "$@" 9>&-
}

# stop_over_cri SOCKET ID SECONDS
stop_over_cri() {
  (
    cri_patience=$(($3 + 60))
    over_cri "$1" stop -t "$3" "$2" >/dev/null 2>&1
  )
}

# cut_grace WORD: of what a pod says, no longer than the plan's limit: a rollback has to end.
cut_grace() {
  take_grace "$1"
  [ "$grace" -le "$stop_limit" ] || grace=$stop_limit
  echo "$grace"
}

# release source|target: the sandboxes that were stopped have had no CNI DEL: their leases, cached results and nat
# rules go, found by their IDs.
release() {
  [ -e "$run/sandboxes" ] || return 0
  ids=$(grep -xE "$1 [0-9a-f]{64} (running|exited)" "$run/sandboxes" | cut -d ' ' -f 2 | sort -u)
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

# release_rules TABLES FILE: the rules whose comment carries an ID of FILE, and the chains they lead to, at once.
release_rules() {
  if ! saved=$("$1-save" -t nat 2>/dev/null); then
    # a kernel without IPv6 has no ip6tables either
    case $1:$(cd "$root/proc/net" 2>/dev/null && echo if_inet6*) in
      ip6tables:if_inet6 | iptables:*)
        note "nat rules of stopped sandboxes may be left, $1-save does not answer:" \
          "$("$1-save" -t nat 2>&1 | tail -n 1 | oneline)"
        ;;
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
  until_true 2 restore_rules "$1" ||
    because "nat rules of stopped sandboxes cannot be removed: $(printf %s "$said" | oneline);" \
      "they are told by: $1-save -t nat | grep -F -f $2"
}

restore_rules() { said=$(printf '%s\n' "$transaction" | "$1-restore" --noflush 2>&1); }

# enough_pods COUNT: so many pods run.
enough_pods() { [ "$(pods_in_source)" -ge "$1" ]; }

# wait_for_pods SECONDS: as many pods as ran in the source before are there again, at least one of them.
wait_for_pods() {
  [ -e "$run/sandboxes" ] || return 0
  expected=$(sort -u "$run/sandboxes" | grep -c '^source .* running$')
  [ "$expected" -gt 0 ] || return 0
  until_true "$1" enough_pods "$expected" && return 0
  pods_now=$(pods_in_source)
  [ "$pods_now" -gt 0 ] ||
    because "none of $expected pods runs in $source_title $1 s after the kubelet's start;" \
      "look with: journalctl -u $kubelet" || return 1
  note "$pods_now of $expected pods run in $source_title $1 s after the kubelet's start"
}
