# The kinds of steps: forth SEGMENT's way, and back. A step is one line: INDEX SEGMENT KIND ARGUMENT..., separated by tabs.

count=0
kubelet=kubelet.service
shelved=
standalone=' '
files=' '
reload=
planned_dump=$run/config-dump

# load_steps: every line in a variable, so that a step costs no process.
load_steps() {
  [ -r "$run/steps" ] || because "$run/steps is missing" || return 1
  IFS=$tab
  while read -r index segment kind rest; do
    eval "segment_$index=\$segment kind_$index=\$kind rest_$index=\$rest"
    count=$index
    case $kind in
      kubelet-stop) kubelet=$rest ;;
      shelve) shelved=$(printf %s "$rest" | tr '\t' ' ') ;;
      standalone) standalone=" $(printf %s "$rest" | tr '\t' ' ') " ;;
      file)
        files="$files$index "
        case $rest in */systemd/system/*) reload=yes ;; esac
        ;;
    esac
  done <"$run/steps"
  IFS=$blanks
}

# recall INDEX: $segment, $kind and $rest of a step.
recall() { eval "segment=\$segment_$1 kind=\$kind_$1 rest=\$rest_$1"; }

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

# forth INDEX: what the step does on the way there. 1 with $reason when it is not done.
forth() {
  recall "$1"
  case $kind in
    install) with_arguments install_runtime ;;
    unit-up) with_arguments unit_up ;;
    carry) with_arguments carry "$1" ;;
    validate) with_arguments validate ;;
    guard) guard ;;
    stage) stage_all ;;
    kernel) kernel ;;
    kubelet-stop) close_gate ;;
    pods-stop) stop_in_docker ;;
    addresses) with_arguments release ;;
    standalone) with_arguments stop_standalone ;;
    shelve) with_arguments shelve ;;
    file) with_arguments replace "$1" ;;
    runtime-restart) with_arguments restart_runtime ;;
    cri-wait) with_arguments cri_wait ;;
    kubelet-start) open_gate && { [ -z "$shelved" ] || still_shelved; } ;;
    *) because "this program does not know the step $kind" ;;
  esac
}

# back_of INDEX: what undoes the step.
back_of() {
  recall "$1"
  case $kind in
    install) with_arguments uninstalled ;;
    unit-up) with_arguments unit_as_found ;;
    guard) go_home ;;
    stage) unstage_all ;;
    kubelet-stop) open_gate ;;
    pods-back) with_arguments wait_for_pods ;;
    pods-stop-back) with_arguments stop_all_new_pods ;;
    addresses-back) with_arguments release ;;
    standalone) start_standalone ;;
    shelve) with_arguments unshelve ;;
    file) with_arguments restore "$1" ;;
    runtime-back) with_arguments runtime_as_found ;;
    kubelet-start) close_gate ;;
  esac
}

# on_the_way KIND: forth, back or both.
on_the_way() {
  case $1 in
    carry | validate | kernel | pods-stop | addresses | runtime-restart | cri-wait) way=forth ;;
    pods-back | pods-stop-back | addresses-back | runtime-back) way=back ;;
    *) way=both ;;
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
    if docker_runs_in_it; then
      note "Docker's containers run in $1 now, so it stays started; Docker has its own again after a boot"
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

# step_of_file PATH: the index of the step that writes it.
step_of_file() {
  for each in $files; do
    recall "$each"
    [ "${rest%%"$tab"*}" != "$1" ] || return 0
  done
  because "no step writes $1"
}

# validate PATH: the new runtime reads its new configuration (`-`: it stays), systemd the new unit files.
validate() {
  [ "$1" = - ] || read_config "$1" || return 1
  read_by_systemd
}

# guard: how the node was found is noted, then whatever happens next, the node finds its way back by itself.
guard() {
  found_states || return 1
  if [ ! -e "$run/found-driver" ]; then
    docker_answers || because "Docker does not answer: $(printf %s "$driver" | oneline); look with: journalctl -u docker" || return 1
    write_whole "$run/found-driver" "$driver" || return 1
  fi
  [ -e "$run/reserve" ] || change dd if=/dev/zero bs=65536 count=4 of="$run/reserve" || return 1
  arm
}

# stage_all: every file is as planned, and its new bytes lie beside it; nothing runs in Docker that the plan does not know.
stage_all() {
  if ! among "$(first_of kubelet-stop)" "$begun"; then
    unknown=$(strangers) || docker_lists_nothing || return 1
    [ -z "$unknown" ] || because "containers run in Docker that the plan does not know: $unknown; make a new plan" || return 1
  fi
  for each in $files; do
    recall "$each"
    with_arguments stage "$each" || return 1
  done
}

# first_of KIND: the index of the first step of a kind.
first_of() {
  i=1
  while [ "$i" -le "$count" ]; do
    eval "[ \"\$kind_$i\" != \"$1\" ]" || { echo "$i" && return 0; }
    i=$((i + 1))
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

# kernel: the modules and sysctls of our files, which dockerd provided, hold already now.
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
          # what is not there was not there with Docker either (a network namespace without bridge netfilter)
          if [ ! -e "$knob" ]; then
            note "$key is not in this kernel"
            continue
          fi
          # not `read`: it asks byte by byte, and a sysctl answers the second with an end of file
          now_set=$(cat "$knob") || because "$key cannot be read" || return 1
          [ "$now_set" = "$value" ] || said=$( { printf '%s\n' "$value" >"$knob"; } 2>&1) ||
            because "$key is $now_set and cannot be set to $value: $(printf %s "$said" | oneline); it says why: sysctl -w $key=$value" || return 1
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

# restart_runtime UNIT PATH: PATH is its configuration, or `-` where that stays. Reading it again meanwhile costs no time.
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

# runtime_as_found UNIT ACTIVE: on its old files, or stopped as it was; a socket that it leaves behind would mislead dockerd.
runtime_as_found() {
  [ -z "$reload" ] || attempt systemctl daemon-reload || return 1
  ! new_pods_there "$cri_socket" || stop_new_pods "$cri_socket" || return 1
  if [ "$2" = active ]; then
    systemctl reset-failed "$1" >/dev/null 2>&1
    attempt systemctl restart "$1" || return 1
    settled 10 active "$1" || because "$1 is $(systemctl is-active "$1") on its old configuration"
  else
    attempt systemctl stop "$1" && forget_sockets
  fi
}

# cri_wait SOCKET SECONDS PATH: CRI answers, and what runs is what was planned.
cri_wait() {
  cri_said=
  settled "$2" cri_answers "$1" || because "CRI does not answer on $1 within $2 s: $(printf %s "$cri_said" | oneline); look with: journalctl -u $runtime" || return 1
  [ "$3" = - ] || cmp -s -- "$planned_dump" "$run/config-dump.now" || because "$runtime does not run on the planned configuration; compare $planned_dump and $run/config-dump.now"
}

still_shelved() {
  # shellcheck disable=SC2086 # units
  stopped $shelved || because "Docker runs again or cannot be asked about: $(systemctl is-active $shelved 2>&1 | oneline); look with: systemctl status $shelved"
}
