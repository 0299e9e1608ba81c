# The target's part of the program, for containerd: its configuration, its images, its pods. Each target's part defines
# the same variables and functions for the others.

runtime=containerd
image_store=/var/lib/containerd
cri_socket=/run/containerd/containerd.sock
# a node need not have it; the function of its name does not count
crictl=$(unset -f crictl && command -v crictl)
cri_state=$root/run/containerd/io.containerd.grpc.v1.cri
cri_data=$root/var/lib/containerd/io.containerd.grpc.v1.cri
unset CONTAINERD_ADDRESS CONTAINERD_NAMESPACE

ctr() { command ctr "$@" 9>&-; }
containerd() { command containerd "$@" 9>&-; }

# k8s_ctr SOCKET WORD...: in the namespace of pods.
k8s_ctr() {
  k8s_socket=$root$1
  shift
  ctr -a "$k8s_socket" -n k8s.io "$@"
}

# of_pods SOCKET [container|sandbox]: the IDs of pods' containers.
of_pods() { k8s_ctr "$1" containers ls -q "labels.\"io.cri-containerd.kind\"${2:+==$2}"; }

# read_config PATH: what containerd makes of its new file is kept, to compare with later.
read_config() {
  step_of_file "$1" || return 1
  config=$run/files/$file_step.after
  target "$1"
  temporary
  [ ! -e "$beside" ] || config=$beside
  containerd -c "$config" config dump >"$planned_dump.staged" 2>"$run/validate.err" ||
    because "containerd refuses the new $1: $(oneline <"$run/validate.err")" || return 1
  # the dump names the file that it was read from
  said=$( { sed "s|\"$config\"|\"$root$1\"|" "$planned_dump.staged" >"$planned_dump"; } 2>&1) ||
    cannot written "$planned_dump" "$said"
}

# config_of PATH: what it would load now.
config_of() { containerd -c "$root$1" config dump; }

# cri_answers SOCKET: a broken CRI section does not stop containerd, it only loses the plugin.
cri_answers() {
  plugins=$(ctr -a "$root$1" plugins ls 2>&1)
  listed_plugins=$?
  cri_said=$(printf '%s\n' "$plugins" | grep -w cri)
  [ $listed_plugins -eq 0 ] || return 1
  state=$(printf '%s\n' "$plugins" | sed -n 's/^[^ ]* *cri  *[^ ]*  *\([^ ]*\) *$/\1/p')
  [ "$state" = ok ] || return 1
  [ -z "$crictl" ] || crictl -r "unix://$1" version >/dev/null 2>&1
}

# source_runs_in_it: the source has taken to it and has its containers there.
source_runs_in_it() { [ -n "$(ctr -n "$source_namespace" tasks ls -q 2>/dev/null)" ]; }

# forget_sockets: a socket that it leaves behind would mislead the source.
forget_sockets() { rm -f -- "$root/run/containerd/containerd.sock" "$root/run/containerd/containerd.sock.ttrpc"; }

# image_there CANONICAL ID: the image is there under its name, complete and unpacked; ID is that of its configuration.
image_there() {
  manifest=$(ctr -n k8s.io images ls "name==$1" 2>/dev/null | sed -n 's/^[^ ]* *[^ ]* *\(sha256:[0-9a-f]*\).*/\1/p')
  [ -n "$manifest" ] || because "$1 is not in containerd" || return 1
  image_id=$(ctr -n k8s.io content get "$manifest" 2>/dev/null | digest_of_config)
  [ "$image_id" = "$2" ] || because "$1 in containerd has configuration ${image_id:-unknown}, expected $2" || return 1
  [ "$(ctr -n k8s.io images check -q "name==$1" 2>/dev/null)" = "$1" ] || because "$1 in containerd is not complete"
}

# digest_of_config: from the manifest on standard input.
digest_of_config() {
  tr -d ' \n\t' | sed -n 's/.*"config":{\([^}]*\)}.*/\1/p' | sed -n 's/.*"digest":"\([^"]*\)".*/\1/p'
}

# image_named CANONICAL: something, when an image of that name is there.
image_named() { ctr -n k8s.io images ls -q "name==$1" 2>/dev/null; }

drop_image() { ctr -n k8s.io images rm --sync "$1" >/dev/null 2>&1; }

# bring INDEX REFERENCE CANONICAL SIZE: what the source saves is streamed; there is no second copy on the disk.
bring() {
  progress=noxfer
  ! dd if=/dev/null of=/dev/null status=progress 2>/dev/null || progress=progress
  rm -f -- "$run/images/$1.save"
  (
    { source_saves "$2" 2>"$run/images/$1.err" || echo $? >"$run/images/$1.save"; } |
      dd bs=1048576 status=$progress 2>"$run/images/$1" |
      command ctr -n k8s.io images import - >"$run/images/$1.out" 2>&1
  ) 9>&-
  imported=$?
  [ $imported -ne 0 ] || [ -e "$run/images/$1.save" ] || return 0
  because "$(cat "$run/images/$1.err" "$run/images/$1.out" | tail -n 3 | oneline)"
}

containerd_lists_nothing() {
  because "containerd does not list its containers: $(k8s_ctr "$1" containers ls -q 2>&1 | tail -n 1 | oneline);" \
    "look with: journalctl -u containerd"
}

# new_pods_there SOCKET: something of pods is in it, when it runs at all.
new_pods_there() { active containerd.service && [ -n "$(of_pods "$1" 2>/dev/null)" ]; }

# holds_pods: containers of pods run, whether it runs or not.
holds_pods() { [ -n "$(shims)" ]; }

# stop_new_pods SOCKET: stopped by their grace period and removed, with their network namespaces.
stop_new_pods() {
  if ! active containerd.service && ! start_unit containerd.service; then
    [ -n "$(shims)" ] || return 0
    because "containerd does not start, and containers of its pods still run: $(shims | oneline)"
    return 1
  fi
  containers=$(of_pods "$1" container) && sandboxes=$(of_pods "$1" sandbox) ||
    containerd_lists_nothing "$1" || return 1
  for id in $sandboxes; do remember target "$id" running || return 1; done
  if [ -n "$crictl" ] && over_cri "$1" version >/dev/null 2>&1; then
    for id in $containers; do { over_cri "$1" stop -t "$(grace_of "$1" "$id")" "$id" >/dev/null 2>&1; } 9>&- & done
    wait
    for id in $sandboxes; do { over_cri "$1" stopp "$id" && over_cri "$1" rmp -f "$id"; } >/dev/null 2>&1 9>&- & done
    wait
  fi
  for id in $containers; do { end_task "$1" "$id" "$(grace_of "$1" "$id")"; } 9>&- & done
  wait
  for id in $sandboxes; do { end_task "$1" "$id" 5; } 9>&- & done
  wait
  left=$(of_pods "$1") || containerd_lists_nothing "$1" || return 1
  [ -z "$left" ] ||
    because "containers of pods are still in containerd: $(printf %s "$left" | oneline);" \
      "it says why: ctr -n k8s.io tasks kill -s SIGKILL ID; ctr -n k8s.io containers delete ID"
}

# grace_of SOCKET ID: its pod's grace period, an annotation in CRI's own record, which ctr shows in base64.
grace_of() {
  grace=$(
    k8s_ctr "$1" containers info "$2" 2>/dev/null | sed -n 's/^ *"value": "\([A-Za-z0-9+\/=]*\)".*/\1/p' |
      base64 -d 2>/dev/null | sed -n 's/.*"io\.kubernetes\.pod\.terminationGracePeriod":"\([0-9]*\)".*/\1/p'
  )
  echo "${grace:-$grace_default}"
}

# shims: the processes that hold containers of pods.
shims() {
  for line in "$root"/proc/[0-9]*/cmdline; do
    tr '\0' ' ' <"$line" 2>/dev/null | grep -e 'containerd-shim.*-namespace k8s.io'
  done
}

# end_task SOCKET ID SECONDS: SIGTERM, after so long SIGKILL; then the task, the container, its namespace, mount and
# folders are removed.
end_task() {
  spec=$(k8s_ctr "$1" containers info "$2" 2>/dev/null) || return 0
  netns=$(printf %s "$spec" | sed -n 's|.*"path": "\(\(/var\)\{0,1\}/run/netns/[^"]*\)".*|\1|p' | head -n 1)
  case $spec in *'"io.cri-containerd.kind": "sandbox"'*) ;; *) netns= ;; esac
  if task_runs "$1" "$2"; then
    k8s_ctr "$1" tasks kill -s SIGTERM "$2" >/dev/null 2>&1
    until_true "$3" task_over "$1" "$2" || {
      k8s_ctr "$1" tasks kill -s SIGKILL "$2" >/dev/null 2>&1
      until_true 10 task_over "$1" "$2"
    }
  fi
  k8s_ctr "$1" tasks delete "$2" >/dev/null 2>&1
  k8s_ctr "$1" containers delete "$2" >/dev/null 2>&1
  if [ -n "$netns" ] && [ -e "$root$netns" ]; then
    umount "$root$netns" 2>/dev/null
    rm -f -- "$root$netns"
  fi
  [ ! -d "$cri_state/sandboxes/$2/shm" ] || umount "$cri_state/sandboxes/$2/shm" 2>/dev/null
  rm -rf -- "$cri_state/sandboxes/$2" "$cri_state/containers/$2" "$cri_data/sandboxes/$2" "$cri_data/containers/$2"
}

task_runs() { k8s_ctr "$1" tasks ls 2>/dev/null | grep -q "^$2 .*\(RUNNING\|PAUSED\|CREATED\)"; }

task_over() { ! task_runs "$@"; }
