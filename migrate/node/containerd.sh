# The target's part of the program, for containerd: its configuration, its images, its pods. Each target's part defines
# the same variables and functions for the others.

runtime=containerd
image_store=/var/lib/containerd
cri_socket=/run/containerd/containerd.sock
pin_label=io.cri-containerd.pinned
pull_by_hand='ctr -n k8s.io images pull --user USER'
# a node need not have it
crictl=$(command -v crictl)
cri_state=$root/run/containerd/io.containerd.grpc.v1.cri
cri_data=$root/var/lib/containerd/io.containerd.grpc.v1.cri
unset CONTAINERD_ADDRESS CONTAINERD_NAMESPACE

ctr() { command ctr "$@" 9>&-; }
containerd() { command containerd "$@" 9>&-; }

# k8s_ctr SOCKET WORD...: in the namespace of pods.
k8s_ctr() {
  k8s_socket=$root$1
  shift
  timeout 60 ctr -a "$k8s_socket" -n k8s.io "$@" 9>&-
}

# of_pods SOCKET [container|sandbox]: the IDs of pods' containers.
of_pods() { k8s_ctr "$1" containers ls -q "labels.\"io.cri-containerd.kind\"${2:+==$2}"; }

# situate SOCKET ROOT STATE: where it listens and keeps its data on this node.
situate() {
  cri_socket=$1
  image_store=$2
  cri_data=$root$2/io.containerd.grpc.v1.cri
  cri_state=$root$3/io.containerd.grpc.v1.cri
  [ "$1" = /run/containerd/containerd.sock ] || export CONTAINERD_ADDRESS="$root$1"
}

# read_config PATH FILE...: what containerd makes of its files together, the planned ones among them, is kept, to
# compare with later. They are read in a tree of their own: what is not planned stays where it is.
read_config() {
  tree=$run/tree
  change rm -rf -- "$tree" || return 1
  for each in "$@"; do stage_config "$each" || return 1; done
  containerd -c "$tree$1" config dump >"$planned_dump.staged" 2>"$run/validate.err" ||
    because "containerd refuses the new $1: $(sed "s|$tree||g" "$run/validate.err" | oneline)" || return 1
  said=$( { plain_dump <"$planned_dump.staged" >"$planned_dump"; } 2>&1) ||
    cannot written "$planned_dump" "$said" || return 1
  change rm -rf -- "$tree"
}

# stage_config PATH: into the tree, as planned or as it is; what it imports is looked for in the tree as well.
stage_config() {
  target "$1"
  source=$real
  ! step_of_file "$1" || source=$run/files/$file_step.after
  [ -e "$source" ] || return 0
  change mkdir -p -- "$tree${1%/*}" || return 1
  said=$( {
    sed -e '/^[[:space:]]*imports[[:space:]]*=/{' -e ':more' -e '/]/!{N;b more' -e '}' \
      -e "s|\([\"']\)/|\1$tree/|g" -e '}' "$source" >"$tree$1"
  } 2>&1) || cannot written "$tree$1" "$said"
}

# plain_dump: without the files that were read, which containerd 1.x lists by chance in one order or another.
plain_dump() { sed '/^imports = /d'; }

# config_of PATH: what it would load now.
config_of() { containerd -c "$root$1" config dump | plain_dump; }

# cri_answers SOCKET: a broken CRI section does not stop containerd, it only loses the plugin.
cri_answers() {
  plugins=$(ctr -a "$root$1" plugins ls 2>&1)
  listed_plugins=$?
  cri_said=$(printf '%s\n' "$plugins" | grep -w cri)
  [ $listed_plugins -eq 0 ] || return 1
  state=$(printf '%s\n' "$plugins" | sed -n 's/^[^ ]* *cri  *[^ ]*  *\([^ ]*\) *$/\1/p')
  [ "$state" = ok ] || return 1
  [ -z "$crictl" ] || timeout 10 crictl -r "unix://$1" version >/dev/null 2>&1 9>&-
}

# source_runs_in_it: the source has taken to it and has its containers there.
source_runs_in_it() { [ -n "$(ctr -n "$source_namespace" tasks ls -q 2>/dev/null)" ]; }

# forget_sockets: a socket that it leaves behind would mislead the source.
forget_sockets() { rm -f -- "$root$cri_socket" "$root$cri_socket.ttrpc"; }

# image_there CANONICAL ID: the image is there under its name, complete and unpacked; ID is that of its configuration,
# or, where the source keeps digests, that of its manifest or index.
image_there() {
  manifest=$(manifest_of "$1")
  [ -n "$manifest" ] || because "$1 is not in containerd" || return 1
  image_id=$manifest
  [ "$manifest" = "$2" ] || image_id=$(ctr -n k8s.io content get "$manifest" 2>/dev/null | digest_of_config)
  [ "$image_id" = "$2" ] || because "$1 in containerd has configuration ${image_id:-unknown}, expected $2" || return 1
  [ "$(ctr -n k8s.io images check -q "name==$1" 2>/dev/null)" = "$1" ] || because "$1 in containerd is not complete"
}

# manifest_of CANONICAL: the digest of what the name stands for.
manifest_of() {
  ctr -n k8s.io images ls "name==$1" 2>/dev/null | sed -n 's/^[^ ]* *[^ ]* *\(sha256:[0-9a-f]*\).*/\1/p'
}

# digest_of_config: from the manifest on standard input.
digest_of_config() {
  tr -d ' \n\t' | sed -n 's/.*"config":{\([^}]*\)}.*/\1/p' | sed -n 's/.*"digest":"\([^"]*\)".*/\1/p'
}

# image_named CANONICAL: something, when an image of that name is there.
image_named() { ctr -n k8s.io images ls -q "name==$1" 2>/dev/null; }

drop_image() { ctr -n k8s.io images rm --sync "$1" >/dev/null 2>&1; }

# bring INDEX REFERENCE CANONICAL SIZE ID: what the source saves is streamed; there is no second copy on the disk. Of
# an image that keeps its digest only the source's own platform is imported: the others may not be there.
bring() {
  only=
  ! source_keeps_digests "$5" || only="--platform $source_platform"
  progress=noxfer
  ! dd if=/dev/null of=/dev/null status=progress 2>/dev/null || progress=progress
  rm -f -- "$run/images/$1.save"
  # shellcheck disable=SC2086 # an option and its value, or nothing
  (
    { source_saves "$2" 2>"$run/images/$1.err" || echo $? >"$run/images/$1.save"; } |
      dd bs=1048576 status=$progress 2>"$run/images/$1" |
      command ctr -n k8s.io images import $only - >"$run/images/$1.out" 2>&1
  ) 9>&-
  imported=$?
  if [ $imported -eq 0 ] && [ ! -e "$run/images/$1.save" ]; then
    named_too "$3" "$5"
    return
  fi
  because "$(cat "$run/images/$1.err" "$run/images/$1.out" | tail -n 3 | oneline)"
}

# pulled_there NAME@DIGEST: it is there, and is what the name says.
pulled_there() {
  [ "$(manifest_of "$1")" = "${1##*@}" ] || because "it is not in containerd" || return 1
  [ "$(ctr -n k8s.io images check -q "name==$1" 2>/dev/null)" = "$1" ] || because "it is not complete in containerd"
}

# fetch NAME: registries are spoken to as planned, through the proxy that the source has.
fetch() {
  (registry_hosts)
  (source_proxies && command ctr -n k8s.io images pull --hosts-dir "$run/hosts" "$1" >"$run/pull.out" 2>&1) 9>&- ||
    because "$(tail -n 1 "$run/pull.out" | oneline)"
}

# registry_hosts: RUN/hosts has the hosts.toml that are there, and the planned ones.
registry_hosts() {
  found=$(containerd config dump 2>/dev/null | sed -n "s|^ *config_path = [\"']\(/[^\"':]*\).*|\1|p" | head -n 1)
  rm -rf -- "$run/hosts"
  mkdir -p -- "$run/hosts"
  cp -R -- "$root${found:-/etc/containerd/certs.d}/." "$run/hosts/" 2>/dev/null
  for each in $files; do
    recall "$each"
    path=${rest%%"$tab"*}
    case $path in */hosts.toml) ;; *) continue ;; esac
    path=${path%/*}
    mkdir -p -- "$run/hosts/${path##*/}"
    cp -- "$run/files/$each.after" "$run/hosts/${path##*/}/hosts.toml"
  done
}

# pin_images - NAME...: by a label, which the CRI plugin passes on to the kubelet. Every name of the image gets it, the
# one by its ID too, which the plugin makes: 1.6 goes by the first that it reads. Those that get it now are noted.
pin_images() {
  shift
  for each in "$@"; do
    manifest=$(manifest_of "$each")
    [ -n "$manifest" ] || because "$each is not in containerd" || return 1
    for called in $(ctr -n k8s.io images ls -q "target.digest==$manifest" 2>/dev/null); do
      case $(ctr -n k8s.io images ls "name==$called" 2>/dev/null) in *"$pin_label=pinned"*) continue ;; esac
      add_line "$run/pinned" "$called" && attempt ctr -n k8s.io images label "$called" "$pin_label=pinned" || return 1
    done
  done
}

# unpin_images: those that were noted; the source does not know the label, so nothing depends on it.
unpin_images() {
  [ -e "$run/pinned" ] || return 0
  while read -r each; do
    [ -n "$(image_named "$each" </dev/null)" ] || continue
    attempt ctr -n k8s.io images label "$each" "$pin_label=" </dev/null ||
      note "$each stays pinned in containerd: $reason"
  done <"$run/pinned"
}

# named_too CANONICAL ID: what came with its digest under another name gets this one too.
named_too() {
  [ -z "$(image_named "$1")" ] || return 0
  called=$(ctr -n k8s.io images ls -q "target.digest==$2" 2>/dev/null | head -n 1)
  [ -z "$called" ] || attempt ctr -n k8s.io images tag "$called" "$1"
}

containerd_lists_nothing() {
  because "containerd does not list its containers: $(k8s_ctr "$1" containers ls -q 2>&1 | tail -n 1 | oneline);" \
    "look with: journalctl -u containerd"
}

# new_pods_there SOCKET: something of pods is in it, when it runs at all.
new_pods_there() { active containerd.service && [ -n "$(of_pods "$1" 2>/dev/null)" ]; }

# holds_pods: containers of pods run, whether it runs or not.
holds_pods() { [ -n "$(shims)" ]; }

# of_part SOCKET PART: $ids, of the containers of that part of a control plane.
of_part() {
  list=$(
    k8s_ctr "$1" containers ls -q \
      "labels.\"io.kubernetes.container.name\"==$2,labels.\"io.kubernetes.pod.namespace\"==$control_plane_namespace"
  ) || containerd_lists_nothing "$1" || return 1
  take_ids containerd "$list"
}

# target_part PART: as `of_part`, of those that run.
target_part() {
  ids=' '
  active containerd.service || return 0
  of_part "$cri_socket" "$1" || return 1
  running_ids=' '
  for id in $ids; do target_over "$id" || running_ids="$running_ids$id "; done
  ids=$running_ids
}

# target_exec SECONDS ID WORD...: a program in a container.
target_exec() {
  given=$1 id=$2
  shift 2
  timeout "$given" ctr -a "$root$cri_socket" -n k8s.io tasks exec --exec-id "docker2cri-$$" "$id" "$@" 9>&-
}
target_process() { k8s_ctr "$cri_socket" tasks ls 2>/dev/null | sed -n "s/^$1  *\([0-9]*\) .*/\1/p"; }

target_asked() { k8s_ctr "$cri_socket" tasks kill -s SIGTERM "$1" >/dev/null 2>&1; }

# target_over ID: containerd answers, and its task does not run.
target_over() {
  tasks=$(k8s_ctr "$cri_socket" tasks ls 2>/dev/null) || return 1
  ! printf '%s\n' "$tasks" | grep -q "^$1 .*\(RUNNING\|PAUSED\|CREATED\)"
}

# end_new SOCKET ID SECONDS
end_new() {
  if [ -n "$by_cri" ]; then stop_over_cri "$@"; else end_task "$@"; fi
}

# stop_new_pods SOCKET: stopped by their grace period and removed, with their network namespaces; a sandbox when its
# containers have ended.
stop_new_pods() {
  if ! active containerd.service && ! start_unit containerd.service; then
    [ -n "$(shims)" ] || return 0
    because "containerd does not start, and containers of its pods still run: $(shims | oneline)"
    return 1
  fi
  list=$(of_pods "$1" container) || containerd_lists_nothing "$1" || return 1
  take_ids containerd "$list" || return 1
  containers=$ids
  list=$(of_pods "$1" sandbox) || containerd_lists_nothing "$1" || return 1
  take_ids containerd "$list" || return 1
  sandboxes=$ids
  for id in $sandboxes; do remember target "$id" running || return 1; done
  by_cri=
  if [ -n "$crictl" ] && over_cri "$1" version >/dev/null 2>&1; then by_cri=yes; fi
  # shellcheck disable=SC2086 # IDs
  end_new_containers "$1" $containers || return 1
  if [ -n "$by_cri" ]; then
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
  cut_grace "$(
    k8s_ctr "$1" containers info "$2" 2>/dev/null | sed -n 's/^ *"value": "\([A-Za-z0-9+\/=]*\)".*/\1/p' |
      base64 -d 2>/dev/null | sed -n 's/.*"io\.kubernetes\.pod\.terminationGracePeriod":"\([0-9]*\)".*/\1/p'
  )"
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
  netns=$(printf %s "$spec" | sed -n 's|.*"path": "\(\(/var\)\{0,1\}/run/netns/[A-Za-z0-9_-]*\)".*|\1|p' | head -n 1)
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
