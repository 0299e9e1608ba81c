# The target's part of the program, for CRI-O: its configuration, its images, its pods. Each target's part defines the
# same variables and functions for the others.

runtime=crio
image_store=/var/lib/containers
cri_socket=/var/run/crio/crio.sock
sandbox_store=$image_store/storage/overlay-containers/containers.json

# The directories that it makes become the root of containers: with this program's umask only root could enter them.
skopeo() { (umask 022 && exec skopeo "$@") 9>&-; }

pull_by_hand='crictl pull --creds USER'
crio() { command crio "$@" 9>&-; }

# situate SOCKET ROOT STATE: where it listens and keeps its images on this node; of its state nothing is touched.
situate() {
  cri_socket=$1
  image_store=$2
  sandbox_store=$image_store/overlay-containers/containers.json
}

# read_config PATH: CRI-O has its files since prepare; what it makes of all of them is kept, to compare with later.
read_config() {
  crio config >"$planned_dump.staged" 2>"$run/validate.err" ||
    because "CRI-O refuses its configuration with the new $1: $(tail -n 3 "$run/validate.err" | oneline);" \
      "look with: crio config" || return 1
  change mv -f -- "$planned_dump.staged" "$planned_dump"
}

# config_of PATH: what it would load now; the log on standard error has times in it.
config_of() { crio config 2>/dev/null; }

# cri_answers SOCKET: both conditions that the kubelet asks for may be false while it answers.
cri_answers() {
  cri_said=$(over_cri "$1" info 2>&1) || return 1
  case $cri_said in *'"type": "RuntimeReady",'*'"status": true'*) ;; *) return 1 ;; esac
}

# source_runs_in_it: the source never does.
source_runs_in_it() { false; }

forget_sockets() { rm -f -- "$root$cri_socket"; }

# image_there CANONICAL ID: the image is there under its name; ID is that of its configuration.
image_there() {
  stored=$(image_named "$1")
  [ -n "$stored" ] || because "$1 is not in CRI-O's store" || return 1
  [ "sha256:${stored#sha256:}" = "$2" ] ||
    because "$1 in CRI-O's store is $(printf %s "$stored" | oneline), expected $2"
}

# image_named CANONICAL: the ID of the image of that name, nothing when there is none.
image_named() { over_cri "$cri_socket" images -q --no-trunc "$1" 2>/dev/null; }

drop_image() { over_cri "$cri_socket" rmi "$1" >/dev/null 2>&1; }

# bring INDEX REFERENCE CANONICAL SIZE ID: meanwhile skopeo has the image twice in /var/tmp, whatever TMPDIR is: what
# the source saves, and its layers.
bring() {
  if skopeo copy --quiet "$source_transport:$2" "containers-storage:$3" >"$run/images/$1.out" 2>&1; then
    write_whole "$run/images/$1" "$4 bytes copied"
  else
    because "$(tail -n 3 "$run/images/$1.out" | oneline)"
  fi
}

# pulled_there NAME@DIGEST: CRI-O looks for what the name says.
pulled_there() { [ -n "$(image_named "$1")" ] || because "it is not in CRI-O's store"; }

# fetch NAME: by CRI-O itself, which has its registries since its first start.
fetch() {
  (source_proxies && cri_patience=3600 && over_cri "$cri_socket" pull "$1" >"$run/pull.out" 2>&1) ||
    because "$(tail -n 1 "$run/pull.out" | oneline)"
}

# pin_images FILE PATTERN...: in a drop-in, which CRI-O reads when it is restarted.
pin_images() {
  pin_file=$root$1
  shift
  pins=$(printf ', "%s"' "$@")
  pins="[crio.image]${newline}pinned_images = [${pins#, }]"
  [ "$(cat "$pin_file" 2>/dev/null)" != "$pins" ] || return 0
  [ ! -e "$pin_file" ] || [ -e "$run/pinned" ] ||
    because "$pin_file is there already, with other images; remove it, or move its list to another file" || return 1
  add_line "$run/pinned" "$pin_file" && write_whole "$pin_file" "$pins" && change chmod 644 "$pin_file"
}

# unpin_images FILE PATTERN...: the drop-in goes, if it was made here.
unpin_images() { [ ! -e "$run/pinned" ] || change rm -f -- "$root$1"; }

crio_lists_nothing() {
  because "CRI-O does not list its pods: $(over_cri "$1" pods -q 2>&1 | tail -n 1 | oneline);" \
    "look with: journalctl -u crio"
}

# new_pods_there SOCKET: something of pods is in it, when it runs at all.
new_pods_there() { active crio.service && [ -n "$(over_cri "$1" pods -q 2>/dev/null)$(monitors)" ]; }

# holds_pods: containers of pods run, whether it runs or not.
holds_pods() { [ -n "$(monitors)" ]; }

# of_part SOCKET PART: $ids, of the running containers of that part of a control plane.
of_part() {
  list=$(
    over_cri "$1" ps -q --label "io.kubernetes.container.name=$2" \
      --label "io.kubernetes.pod.namespace=$control_plane_namespace"
  ) || crio_lists_nothing "$1" || return 1
  take_ids CRI-O "$list"
}

# target_part PART: as `of_part`, which lists those that run.
target_part() {
  ids=' '
  ! active crio.service || of_part "$cri_socket" "$1"
}

# target_exec SECONDS ID WORD...: a program in a container.
target_exec() (
  cri_patience=$1
  shift
  over_cri "$cri_socket" exec --sync "$@"
)
target_process() {
  over_cri "$cri_socket" inspect -o go-template --template '{{.info.pid}}' "$1" 2>/dev/null
}

# target_asked ID: by its process: whoever asks CRI-O to stop a container has it killed after a while, and at once when
# the caller goes.
target_asked() {
  process=$(target_process "$1")
  number "$process" && [ "$process" -gt 1 ] && kill -s TERM "$process" 2>/dev/null
}

target_over() {
  state=$(over_cri "$cri_socket" inspect -o go-template --template '{{.status.state}}' "$1" 2>/dev/null)
  [ "$state" = CONTAINER_EXITED ]
}

# end_new SOCKET ID SECONDS
end_new() { stop_over_cri "$@"; }

# stop_new_pods SOCKET: stopped by their grace period and removed, with their addresses; a sandbox when its containers
# have ended.
stop_new_pods() {
  if ! active crio.service && ! start_unit crio.service; then
    [ -n "$(monitors)" ] || return 0
    because "CRI-O does not start, and containers of its pods still run: $(monitors | oneline);" \
      "look with: journalctl -u crio"
    return 1
  fi
  until_true 30 cri_answers "$1" ||
    because "CRI-O does not answer on $1: $(printf %s "$cri_said" | oneline); look with: journalctl -u crio" ||
    return 1
  claim_sandboxes "$1" || crio_lists_nothing "$1" || return 1
  list=$(over_cri "$1" ps -q) || crio_lists_nothing "$1" || return 1
  take_ids CRI-O "$list" || return 1
  containers=$ids
  list=$(over_cri "$1" pods -q) || crio_lists_nothing "$1" || return 1
  take_ids CRI-O "$list" || return 1
  sandboxes=$ids
  for id in $sandboxes; do remember target "$id" running || return 1; done
  # shellcheck disable=SC2086 # IDs
  end_new_containers "$1" $containers || return 1
  for id in $sandboxes; do { over_cri "$1" stopp "$id" && over_cri "$1" rmp -f "$id"; } >/dev/null 2>&1 9>&- & done
  wait
  left=$(over_cri "$1" pods -q) || crio_lists_nothing "$1" || return 1
  [ -z "$left" ] ||
    because "pods are still in CRI-O: $(printf %s "$left" | oneline); it says why: crictl stopp ID; crictl rmp -f ID"
}

# claim_sandboxes SOCKET: a sandbox whose making lost its caller (the kubelet stopped meanwhile) runs, but CRI-O
# neither lists nor stops it, until it is asked for once more by the same name: then it is handed over (CRI-O's
# internal/resourcestore).
claim_sandboxes() {
  [ -e "$root$sandbox_store" ] || return 0
  listed=$(over_cri "$1" pods -q --no-trunc) || return 1
  grep -o '"id":"[0-9a-f]*","names":\["k8s_POD_[^"]*"' "$root$sandbox_store" |
    sed 's/"id":"//; s/",.*k8s_POD_/_/; s/"$//' >"$run/sandboxes.stored"
  while IFS=_ read -r id pod namespace uid number; do
    case $listed in *"$id"*) continue ;; esac
    if ! container_id "$id" || ! number "$number"; then continue; fi
    # what is a name, and ends no string of JSON
    case $pod$namespace$uid in *[!A-Za-z0-9.-]*) continue ;; esac
    printf '{"metadata":{"name":"%s","namespace":"%s","uid":"%s","attempt":%s},"linux":{}}\n' \
      "$pod" "$namespace" "$uid" "$number" >"$run/sandbox.json"
    over_cri "$1" runp "$run/sandbox.json" >/dev/null 2>&1 </dev/null ||
      say "$name: the sandbox $id of $namespace/$pod is not handed over by CRI-O"
  done <"$run/sandboxes.stored"
}

# grace_of SOCKET ID: its pod's grace period, which the kubelet gives as an annotation.
grace_of() {
  template='{{index .status.annotations "io.kubernetes.pod.terminationGracePeriod"}}'
  cut_grace "$(over_cri "$1" inspect -o go-template --template "$template" "$2" 2>/dev/null)"
}

# monitors: the processes that hold containers of pods.
monitors() {
  # one process for all of /proc: the rollback asks this while the node is not ready
  grep -l -s conmon "$root"/proc/[0-9]*/cmdline | while read -r line; do
    { tr '\0' ' ' <"$line"; } 2>/dev/null | grep -e '^[^ ]*conmon .*-c [0-9a-f].* -n k8s_'
  done
}
