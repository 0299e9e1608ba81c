# Installing what is missing while the source serves the node: nothing is started or restarted by it, and that is
# proved afterwards.

install_fence=docker2cri-install.conf
policy=$root/usr/sbin/policy-rc.d
processes=$root/run/docker2cri-install

# install_runtime UNIT CNI_DIR PROGRAM,... HOW ARGUMENT...: HOW is `bundle` with its SHA-256, or a package manager with
# NAME=VERSION...
install_runtime() {
  new_unit=$1 cni_dir=$2 programs=$3 how=$4
  shift 4
  before_install || return 1
  fence_up && case $how in
    bundle) bundle_lay "$1" ;;
    *) packages_there "$how" "$@" || { packages_install "$how" "$cni_dir" "$@" && packages_there "$how" "$@"; } ;;
  esac
  laid=$? laid_reason=$reason
  fence_down || return 1
  left_idle && cni_as_before && undisturbed || return 1
  [ $laid -eq 0 ] || because "$laid_reason" || return 1
  answering && change rm -f -- "$run/bundle.tar.gz" "$processes"
}

# before_install: what is in the CNI folder and what runs, kept once; a boot forgets the latter, for then other
# processes run by right.
before_install() {
  if [ ! -e "$run/installing" ]; then
    [ "$how" != apt ] || dpkg_whole "$cni_dir" || return 1
    write_whole "$run/install-cni" "$(cni_names)" || return 1
    new_state=$(systemctl is-active "$new_unit" 2>/dev/null)
    new_state="${new_state:-unknown} $(systemctl is-enabled "$new_unit" 2>/dev/null)"
    write_whole "$run/install-unit" "$new_state" || return 1
    write_whole "$run/installing" "$new_unit" || return 1
  fi
  [ -e "$processes" ] || write_whole "$processes" "$(main_processes)"
}

# main_processes: `UNIT PID`, of those that run.
main_processes() {
  for each_unit in kubelet.service $source_serving; do
    ! active "$each_unit" || echo "$each_unit $(systemctl show -p MainPID "$each_unit" | cut -d= -f2)"
  done
}

cni_names() { ls -A "$root$cni_dir" 2>/dev/null; }

# fence_up: whatever a package's scripts call, systemd refuses to start, stop or restart these units until the next
# boot or fence_down.
fence_up() {
  for each_unit in kubelet.service $source_serving ${new_unit:-}; do
    drop_in=$root/run/systemd/system/$each_unit.d
    change mkdir -p -- "$drop_in" || return 1
    change cp -- "$run/units/install.conf" "$drop_in/$install_fence" || return 1
  done
  attempt systemctl daemon-reload || return 1
  [ -d "${policy%/*}" ] || return 0
  if [ ! -e "$run/policy-rc.d.none" ] && [ ! -e "$run/policy-rc.d.found" ]; then
    if [ -e "$policy" ]; then
      change cp -p -- "$policy" "$run/policy-rc.d.new" || return 1
      change mv -f -- "$run/policy-rc.d.new" "$run/policy-rc.d.found" || return 1
    else
      change touch "$run/policy-rc.d.none" || return 1
    fi
  fi
  change cp -- "$run/units/policy-rc.d" "$policy.docker2cri" && change chmod 755 -- "$policy.docker2cri" &&
    change mv -f -- "$policy.docker2cri" "$policy"
}

# fence_down: as it was found; safe at any time and again.
fence_down() {
  for fence in "$root"/run/systemd/system/*/"$install_fence"; do
    [ -e "$fence" ] || continue
    change rm -f -- "$fence" || return 1
    rmdir -- "${fence%/*}" 2>/dev/null
  done
  if [ -e "$run/policy-rc.d.found" ]; then
    change cp -p -- "$run/policy-rc.d.found" "$policy.docker2cri" || return 1
    change mv -f -- "$policy.docker2cri" "$policy" && change rm -f -- "$run/policy-rc.d.found" || return 1
  elif [ -e "$run/policy-rc.d.none" ]; then
    change rm -f -- "$policy" "$run/policy-rc.d.none" || return 1
  fi
  attempt systemctl daemon-reload
}

# left_idle: the new runtime runs and starts at boot only if it did before.
left_idle() {
  [ -e "$run/install-unit" ] || return 0
  read -r was_state was_enabled <"$run/install-unit"
  if [ "$was_state" != active ] && active "$new_unit"; then attempt systemctl stop "$new_unit" || return 1; fi
  [ "${was_enabled:-}" != enabled ] || return 0
  [ "$(systemctl is-enabled "$new_unit" 2>/dev/null)" != enabled ] || attempt systemctl disable "$new_unit"
}

# cni_as_before: the source may take the first file of this folder at once; what landed there is kept in RUN/cni.
cni_as_before() {
  landed=$(cni_names | grep -vxF -f "$run/install-cni")
  [ -n "$landed" ] || return 0
  change mkdir -p -- "$run/cni" || return 1
  for each_name in $landed; do
    change mv -f -- "$root$cni_dir/$each_name" "$run/cni/$each_name" || return 1
    note "$cni_dir/$each_name came with the installation; it is kept in $run/cni"
  done
}

# undisturbed: the same processes serve the node as before.
undisturbed() {
  now_running=$(main_processes)
  while read -r each_unit pid; do
    case $newline$now_running$newline in
      *"$newline$each_unit $pid$newline"*) ;;
      *)
        because "the installation disturbed $each_unit: its main process is another one now;" \
          "look with: journalctl -u $each_unit; cat $run/install.out"
        return 1
        ;;
    esac
  done <"$processes"
}

# answering: what was asked for is there now.
answering() {
  for program in $(printf %s "$programs" | tr , ' '); do
    has "$program" ||
      because "$program is not there after the installation; look with: cat $run/install.out" || return 1
    attempt "$program" --version || return 1
  done
}

# uninstalled: the rollback. What was installed stays, stopped and disabled as the node was without it.
uninstalled() {
  new_unit=$1
  fence_down && left_idle && bundle_tidy && change rm -f -- "$processes"
}
