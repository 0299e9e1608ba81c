# What keeps the node safe by itself: the kubelet gate, the guard, the boot unit, the drop-ins that keep the source
# stopped. Their texts lie in RUN/units/.

marker=$home/docker-stopped
kept_marker=$home/source-kept
gate=$volatile/kubelet-may-run
guard_files="docker2cri-guard.service docker2cri-guard.timer docker2cri-boot.service"
boot_link=$systemd/multi-user.target.wants/docker2cri-boot.service

# make_dir DIRECTORY: with its parents; what was not there is noted first, so that the rollback removes it.
make_dir() {
  [ ! -d "$1" ] || return 0
  make_dir "${1%/*}" || return 1
  add_line "$run/made" "$1" && change mkdir -m 755 -- "$1"
}

# lay SOURCE TARGET: a file of ours, whole or not at all.
lay() {
  make_dir "${2%/*}" || return 1
  [ ! -e "$2" ] || ! cmp -s -- "$1" "$2" || return 0
  real=$2
  temporary
  copied "$1" "$beside" && change chmod 644 -- "$beside" && put_beside
}

gate_file() { printf %s "$systemd/$kubelet.d/00-docker2cri-gate.conf"; }

# arm: the gate (open while the kubelet runs), the drop-ins that keep the source stopped, guard and boot unit; the
# guard's time starts.
arm() {
  make_volatile || return 1
  ! active "$kubelet" || change touch "$gate" || return 1
  lay "$run/units/gate.conf" "$(gate_file)" || return 1
  for unit in $source_units; do
    lay "$run/units/stopped.conf" "$systemd/$unit.d/00-docker2cri-stopped.conf" || return 1
  done
  for file in $guard_files; do
    lay "$run/units/$file" "$systemd/$file" || return 1
  done
  if [ ! -h "$boot_link" ]; then
    make_dir "${boot_link%/*}" || return 1
    change ln -s ../docker2cri-boot.service "$boot_link" || return 1
  fi
  attempt systemctl daemon-reload || return 1
  attempt systemctl restart docker2cri-guard.timer || return 1
  active docker2cri-guard.timer ||
    because "docker2cri-guard.timer did not start; look with: systemctl status docker2cri-guard.timer"
}

make_volatile() {
  change mkdir -p -- "$volatile" && change touch "$volatile/boot"
}

# disarm_units: gate, guard and boot unit go; the drop-ins that keep the source stopped stay unless `all` is said.
disarm_units() {
  ! active docker2cri-guard.timer || attempt systemctl stop docker2cri-guard.timer || return 1
  change rm -f -- "$(gate_file)" && change rm -f -- "$boot_link" || return 1
  for file in $guard_files; do
    change rm -f -- "$systemd/$file" || return 1
  done
  if [ "${1:-}" = all ]; then
    for unit in $source_units; do
      change rm -f -- "$systemd/$unit.d/00-docker2cri-stopped.conf" || return 1
    done
  fi
  attempt systemctl daemon-reload || return 1
  rm -rf -- "$volatile"
}

# remove_made: the directories that were made, deepest first; one that is used by others meanwhile stays.
remove_made() {
  [ -e "$run/made" ] || return 0
  sort -r -u "$run/made" | while IFS= read -r directory; do
    [ ! -d "$directory" ] || rmdir -- "$directory" 2>/dev/null || say "$directory is not empty, it stays"
  done
}

# found_states: how the units were before anything was changed, kept once: `UNIT ACTIVE ENABLED`.
found_states() {
  [ ! -e "$run/found-units" ] || return 0
  states=
  for unit in "$kubelet" $source_units $kept_units; do
    state=$(systemctl is-active "$unit" 2>/dev/null)
    [ -n "$state" ] ||
      because "systemctl does not say whether $unit runs: $(systemctl is-active "$unit" 2>&1 | oneline)" || return 1
    states="$states$unit $state $(systemctl is-enabled "$unit" 2>/dev/null)$newline"
  done
  write_whole "$run/found-units" "${states%"$newline"}"
}

# was_active UNIT: as found. Where that was not noted, or is lost, a unit that starts at boot was active.
was_active() {
  if [ -f "$run/found-units" ]; then
    # names of its own: the caller may loop over units
    while read -r noted was _; do
      [ "$noted" = "$1" ] || continue
      case $was in
        active) return 0 ;;
        inactive | failed | unknown | activating | deactivating | reloading) return 1 ;;
      esac
    done <"$run/found-units"
  fi
  [ "$(systemctl is-enabled "$1" 2>/dev/null)" = enabled ]
}

start_reset() {
  systemctl reset-failed "$1" >/dev/null 2>&1
  attempt systemctl start "$1"
}

# start_unit UNIT: once more where systemd refuses it for having been started too often.
start_unit() {
  attempt systemctl start "$1" || start_reset "$1" || return 1
  until_true 5 active "$1" || because "$1 is $(systemctl is-active "$1") after its start; look with: journalctl -u $1"
}

# closed: the gate is, and the kubelet does not run.
closed() { [ ! -e "$gate" ] && stopped "$kubelet"; }

close_gate() {
  change rm -f -- "$gate" || return 1
  attempt systemctl stop "$kubelet" || return 1
  stopped "$kubelet" ||
    because "$kubelet was stopped and is $(systemctl is-active "$kubelet" 2>&1);" \
      "look with: systemctl status $kubelet"
}

open_gate() {
  change mkdir -p -- "$volatile" && change touch "$gate" && start_unit "$kubelet"
}

stop_source() {
  write_whole "$marker" "$name" || return 1
  attempt systemctl stop "$@" || return 1
  stopped "$@" ||
    because "$* are not all stopped: $(systemctl is-active "$@" 2>&1 | oneline); look with: systemctl status $*"
}

# socket_paths UNIT...: where they listen, and those of the source that no unit tells.
socket_paths() {
  printf '%s\n' "$source_sockets"
  for unit in "$@"; do
    case $unit in *.socket) systemctl show -p Listen "$unit" | sed -n 's/^Listen=\(\/[^ ]*\).*/\1/p' ;; esac
  done
}

# keep_source UNIT...: the source runs on for its other users, and no pod runs in it any more.
keep_source() {
  no_pods_left && write_whole "$kept_marker" "$name"
}

# still_kept: it has got over the restart of what it may stand on.
still_kept() { until_true 30 source_answers || source_is_silent "within 30 s"; }

# start_source UNIT...: it may start, is started as it was found, and answers with the cgroup driver that it had.
start_source() {
  clear_sockets "$@" || return 1
  change rm -f -- "$marker" || return 1
  serve_again "$@"
}

# take_source UNIT...: it ran on, and answers with the cgroup driver that it had; what ended since is started.
take_source() {
  clear_sockets "$@" || return 1
  serve_again "$@" || return 1
  change rm -f -- "$kept_marker"
}

# clear_sockets UNIT...: an empty directory in the place of a socket of the source goes.
clear_sockets() {
  for path in $(socket_paths "$@"); do
    if [ -d "$root$path" ] && ! rmdir -- "$root$path" 2>/dev/null; then
      because "$path is a directory, and not empty: $(find "$root$path" -mindepth 1 | head -n 5 | oneline);" \
        "move away what is in it, then: sh $run/restore.sh"
      return 1
    fi
  done
}

serve_again() {
  for unit in "$@"; do
    ! was_active "$unit" || active "$unit" || start_unit "$unit" || return 1
  done
  was_active "$source_service" || return 0
  until_true 30 source_answers || source_is_silent "within 30 s" || return 1
  [ ! -e "$run/found-driver" ] || read -r had <"$run/found-driver" || had=
  [ "$driver" = "${had:-$driver}" ] ||
    because "$source_title answers with cgroup driver $driver, it had $had; look for $source_driver_at"
}

# source_is_silent [WITHIN]: what it said instead of its driver.
source_is_silent() {
  because "$source_title does not answer${1:+ $1}: $(printf %s "$driver" | oneline); look with: $source_log"
}

