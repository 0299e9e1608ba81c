# The kinds of steps: how each is performed and undone. A step is one line: INDEX SEGMENT WAY KIND ARGUMENT...,
# separated by tabs; WAY is `apply`, `rollback` or `both`.

count=0
kubelet=kubelet.service
source_units=
kept_units=
succeeded=
stopped_title=$source_title
standalone=' '
files=' '
reload=
planned_dump=$run/config-dump

# load_steps: every line in a variable, so that a step costs no process.
load_steps() {
  [ -f "$run/steps" ] || because "$run/steps is missing" || return 1
  read -r laid 2>/dev/null <"$run/steps.sha256" || laid=
  sha_of "$run/steps" || return 1
  [ "$sum" = "$laid" ] || because "$run/steps is not as it was laid (SHA-256 $sum, expected ${laid:-one})" || return 1
  IFS=$tab
  while read -r index segment way kind rest; do
    eval "segment_$index=\$segment way_$index=\$way kind_$index=\$kind rest_$index=\$rest"
    count=$index
    case $kind in
      kubelet-stop) kubelet=$rest ;;
      run-close) succeeded=$rest ;;
      pods-remove) stop_limit=${rest##*"$tab"} ;;
      cri-wait)
        state_there=${rest##*"$tab"} root_there=${rest%"$tab"*}
        situate "${rest%%"$tab"*}" "${root_there##*"$tab"}" "$state_there"
        ;;
      source-stop) source_units=$(printf %s "$rest" | tr '\t' ' ') ;;
      source-keep) kept_units=$(printf %s "$rest" | tr '\t' ' ') ;;
      standalone) standalone=" $(printf %s "$rest" | tr '\t' ' ') " ;;
      file)
        files="$files$index "
        case $rest in */systemd/system/*) reload=yes ;; esac
        ;;
    esac
  done <"$run/steps"
  IFS=$blanks
  [ -z "$kept_units" ] || stopped_title=$source_units
}

# recall INDEX: $segment, $way, $kind and $rest of a step.
recall() { eval "segment=\$segment_$1 way=\$way_$1 kind=\$kind_$1 rest=\$rest_$1"; }

# with_arguments FUNCTION WORD...: the words, then the step's own arguments.
with_arguments() {
  IFS=$tab
  set -f
  # shellcheck disable=SC2086 # one word an argument
  set -- "$@" $rest
  set +f
  IFS=$blanks
  "$@"
}

# unknown: a kind that this program does not know is never done, in neither direction.
unknown() { because "this program does not know the step $kind; look with: less $run/steps"; }

# perform INDEX: what the step does on apply. 1 with $reason when it is not done.
perform() {
  recall "$1"
  case $kind in
    install) with_arguments install_runtime ;;
    unit-up) with_arguments unit_up ;;
    carry) with_arguments carry "$1" ;;
    pull) with_arguments pull ;;
    pin-images) with_arguments pin_images ;;
    validate) with_arguments validate ;;
    guard) guard ;;
    stage) stage_all ;;
    kernel) kernel ;;
    kubelet-stop) close_gate ;;
    pods-stop) with_arguments stop_source_pods ;;
    addresses) with_arguments release ;;
    standalone) with_arguments stop_standalone ;;
    source-stop) with_arguments stop_source ;;
    source-keep) with_arguments keep_source ;;
    file) with_arguments replace "$1" ;;
    runtime-restart) with_arguments restart_runtime ;;
    cri-wait) with_arguments cri_wait ;;
    kubelet-start)
      { [ -z "$kept_units" ] || still_kept; } && open_gate && { [ -z "$source_units" ] || still_stopped; }
      ;;
    run-close) with_arguments close_run ;;
    chains-remove) with_arguments chains_remove ;;
    packages-remove) with_arguments packages_remove ;;
    files-remove) with_arguments files_remove ;;
    link-remove) with_arguments link_remove ;;
    namespace-remove) with_arguments namespace_remove ;;
    data-remove) with_arguments data_remove ;;
    group-remove) with_arguments group_remove ;;
    records-remove) with_arguments records_remove ;;
    *) unknown ;;
  esac
}

# undo INDEX: what the step does on rollback.
undo() {
  recall "$1"
  case $kind in
    install) with_arguments uninstalled ;;
    unit-up) with_arguments unit_as_found ;;
    pin-images) with_arguments unpin_images ;;
    guard) remove_guard ;;
    stage) unstage_all ;;
    kubelet-stop) open_gate ;;
    pods-wait) with_arguments wait_for_pods ;;
    pods-remove) with_arguments stop_new_pods ;;
    addresses) with_arguments release ;;
    standalone) start_standalone ;;
    source-stop) with_arguments start_source ;;
    source-keep) with_arguments take_source ;;
    file) with_arguments restore "$1" ;;
    runtime-restore) with_arguments restore_runtime ;;
    kubelet-start) closed || close_gate ;;
    *) unknown ;;
  esac
}

unit_up() {
  case $2 in
    masked) attempt systemctl unmask "$1" || return 1 ;;
  esac
  [ "$(systemctl is-enabled "$1" 2>/dev/null)" = enabled ] || attempt systemctl enable "$1" || return 1
  active "$1" || start_unit "$1"
}

unit_as_found() {
  if [ "$3" != active ] && active "$1"; then
    if source_runs_in_it; then
      note "$source_title's containers run in $1 now, so it stays started;" \
        "$source_title has its own again after a boot"
    else
      attempt systemctl stop "$1" || return 1
    fi
  fi
  [ "$2" != "$(systemctl is-enabled "$1" 2>/dev/null)" ] || return 0
  case $2 in
    disabled) attempt systemctl disable "$1" ;;
    masked) attempt systemctl disable "$1" && attempt systemctl mask "$1" ;;
  esac
}

# step_of_file PATH: $file_step, the index of the step that writes it.
step_of_file() {
  for file_step in $files; do
    recall "$file_step"
    [ "${rest%%"$tab"*}" != "$1" ] || return 0
  done
  because "no step writes $1"
}

# validate PATH FILE...: the new runtime reads its new configuration (`-`: it stays) with the files that it imports,
# systemd the new unit files.
validate() {
  [ "$1" = - ] || read_config "$@" || return 1
  read_by_systemd
}

# guard: how the node was found is noted; from here on it rolls back by itself, whatever happens next.
guard() {
  found_states || return 1
  if [ ! -e "$run/found-driver" ]; then
    source_answers || source_is_silent || return 1
    write_whole "$run/found-driver" "$driver" || return 1
  fi
  [ -e "$run/reserve" ] || change dd if=/dev/zero bs=65536 count=4 of="$run/reserve" || return 1
  arm
}

# stage_all: every file is as planned, and its new bytes lie beside it; the plan knows all that runs in the source,
# where that is stopped.
stage_all() {
  if [ -z "$kept_units" ] && ! among "$(first_of kubelet-stop)" "$begun"; then
    source_strangers || return 1
    [ -z "$strangers" ] ||
      because "containers run in $source_title that the plan does not know:$strangers; make a new plan" || return 1
  fi
  for each in $files; do
    recall "$each"
    with_arguments stage "$each" || return 1
  done
}

# first_of KIND: the index of the first step of a kind.
first_of() {
  nth=1
  while [ "$nth" -le "$count" ]; do
    eval "[ \"\$kind_$nth\" != \"$1\" ]" || { echo "$nth" && return 0; }
    nth=$((nth + 1))
  done
}

# restage_all: every file that a rollback restores.
restage_all() {
  for each in $files; do
    recall "$each"
    ! to_undo "$each" || with_arguments restage "$each"
  done
}

unstage_all() {
  for each in $files; do
    recall "$each"
    target "${rest%%"$tab"*}"
    temporary
    change rm -f -- "$beside" || return 1
  done
}

# kernel: the modules and sysctls of our files, which the source provided, hold already now.
kernel() {
  for each in $files; do
    recall "$each"
    case $rest in
      /etc/modules-load.d/*)
        while read -r module; do
          loaded "$module" || attempt modprobe "$module" || return 1
        done <"$run/files/$each.after"
        ;;
      /etc/sysctl.d/*)
        while read -r key _ value; do
          knob=$root/proc/sys/$(printf %s "$key" | tr . /)
          # what is not there was not there with the source either (a network namespace without bridge netfilter)
          if [ ! -e "$knob" ]; then
            note "$key is not in this kernel"
            continue
          fi
          # not `read`: it asks byte by byte, and a sysctl answers the second with an end of file
          now_set=$(cat "$knob") || because "$key cannot be read" || return 1
          [ "$now_set" = "$value" ] || said=$( { printf '%s\n' "$value" >"$knob"; } 2>&1) ||
            because "$key is $now_set and cannot be set to $value: $(printf %s "$said" | oneline);" \
              "it says why: sysctl -w $key=$value" || return 1
        done <"$run/files/$each.after"
        ;;
    esac
  done
}

# loaded MODULE: loaded, or built into the kernel.
loaded() {
  [ -d "$root/sys/module/$1" ] && return 0
  case $1 in
    br_netfilter) [ -d "$root/proc/sys/net/bridge" ] ;;
    *) grep -qw "$1" "$root/proc/filesystems" ;;
  esac
}

# restart_runtime UNIT PATH: PATH is its configuration, or `-` where that stays. It is read again meanwhile.
restart_runtime() {
  [ -z "$reload" ] || attempt systemctl daemon-reload || return 1
  if [ "$2" != - ]; then
    { config_of "$2" >"$run/config-dump.now" 2>&1; } 9>&- &
  fi
  before=$(systemctl show -p ExecMainStartTimestampMonotonic "$1")
  systemctl reset-failed "$1" >/dev/null 2>&1
  attempt systemctl restart "$1"
  restarted=$?
  wait
  [ $restarted -eq 0 ] || because "$reason; look with: journalctl -u $1" || return 1
  after=$(systemctl show -p ExecMainStartTimestampMonotonic "$1")
  [ "$before" != "$after" ] || because "$1 did not restart: $after is still its start" || return 1
}

# restore_runtime UNIT ACTIVE: on its old files, or stopped as it was; a socket that it leaves behind would mislead the
# source. What the kubelet asked for in its last moment may come into being until then: whoever asked for it is gone
# with the restart, so it is looked for afterwards, and nothing has to be waited for. A source that runs on, and has
# taken to it since (a boot), keeps it.
restore_runtime() {
  [ -z "$reload" ] || attempt systemctl daemon-reload || return 1
  if [ "$2" = active ] || { [ -n "$kept_units" ] && active "$1" && source_runs_in_it; }; then
    systemctl reset-failed "$1" >/dev/null 2>&1
    attempt systemctl restart "$1" || return 1
    until_true 10 active "$1" || because "$1 is $(systemctl is-active "$1") on its old configuration" || return 1
    ! new_pods_there "$cri_socket" || stop_late_pods
  else
    ! new_pods_there "$cri_socket" || stop_late_pods || return 1
    attempt systemctl stop "$1" || return 1
    if holds_pods; then
      stop_late_pods && attempt systemctl stop "$1" || return 1
    fi
    forget_sockets
  fi
}

# stop_late_pods: as the others, and their addresses, which were released before they came.
stop_late_pods() { stop_new_pods "$cri_socket" && release target; }

# cri_wait SOCKET SECONDS PATH: CRI answers, and what runs is what was planned.
cri_wait() {
  cri_said=
  until_true "$2" cri_answers "$1" ||
    because "CRI does not answer on $1 within $2 s: $(printf %s "$cri_said" | oneline);" \
      "look with: journalctl -u $runtime" || return 1
  [ "$3" = - ] || cmp -s -- "$planned_dump" "$run/config-dump.now" ||
    because "$runtime does not run on the planned configuration; compare $planned_dump and $run/config-dump.now"
}

still_stopped() {
  # shellcheck disable=SC2086 # units
  stopped $source_units ||
    because "$stopped_title runs again or cannot be asked about:" \
      "$(systemctl is-active $source_units 2>&1 | oneline);" \
      "look with: systemctl status $source_units"
}
