# Pods: the addresses of their sandboxes, and how many of them run in the source again.

grace_default=30
leases=$root/var/lib/cni

# remember source|target ID STATE: a sandbox whose address is to be released; noted before it is stopped.
remember() { add_line "$run/sandboxes" "$*"; }

# over_cri SOCKET WORD...: its own two seconds are too short for a slow CNI plugin.
over_cri() {
  socket=$1
  shift
  crictl --timeout 60s -r "unix://$socket" "$@"
}

# release source|target: the sandboxes that were stopped have had no CNI DEL: their leases, cached results and nat
# rules go, found by their IDs.
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
