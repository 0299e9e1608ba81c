# Removing the source from a node that has left it, for good: each step looks first, so that it may be done again after
# a kill, and none is undone. What can be restored while it is looked at (iptables) is restored by itself.

reach_seconds=5 # for what answered before to answer again: meanwhile it does not

# close_run RUN: its journal tells that the source is taken away, so that the run is not rolled back: it is released
# too, which every version of its program heeds. The lock is ours.
close_run() {
  flush || return 1
  not_closed=$(close_there "$1") || because "run $1 cannot be closed: $(printf %s "$not_closed" | oneline)"
}

# close_there RUN: in a shell of its own, as that run; what is wrong on standard output.
close_there() (
  closed_by=$name
  [ -f "$home/$1/steps" ] || { echo "its record in $home/$1 is not whole" && exit 1; }
  eval "run=\$home/\$1 name=\$1"
  if ! load_steps || ! recover; then echo "$reason" && exit 1; fi
  fold
  if [ -n "$rolled_back" ] || [ -z "$disarmed" ] || [ "$direction" != forward ]; then
    echo "it is not finished and verified ($last)" && exit 1
  fi
  generation=$last_generation
  [ -z "$released" ] || exit 0
  if ! record note - - cleaned ||
    ! record released - - "run $closed_by removed $source_title: there is none to roll back to"; then
    echo "$reason" && exit 1
  fi
)

# chains_remove WORD...: `rule FAMILY TABLE RULE`, `chain FAMILY TABLE NAME`, `policy FAMILY`, `reach ADDRESS PORT`.
chains_remove() {
  if [ ! -e "$run/reached" ]; then
    now_reached=$(reached "$@") || return 1
    write_whole "$run/reached" "$now_reached" || return 1
  fi
  grep -q . "$run/reached" ||
    note "no pod and no Service answered before iptables was changed, so none is demanded afterwards"
  for family in 4 6; do
    set_family "$family" || continue
    [ -e "$run/iptables.$family" ] || saved_whole || return 1
    script=$(chains_script "$@") || return 1
    [ -n "$script" ] || continue
    printf '%s\n' "$script" >"$run/iptables.$family.remove"
    if ! said=$("$restore" -w 10 -n <"$run/iptables.$family.remove" 2>&1 9>&-); then
      because "$restore does not take the rules out: $(printf %s "$said" | oneline)"
      chains_restore
      return 1
    fi
  done
  if ! answers_again; then
    lost=$(printf '%s\n' "$missing" | sort -u)
    lost_count=$(($(printf '%s\n' "$lost" | wc -l)))
    chains_restore || return 1
    because "without $source_title's rules $lost_count of what answered before did not within $reach_seconds s:" \
      "$(printf '%s\n' "$lost" | head -n 3 | oneline); iptables is as it was again;" \
      "compare $run/iptables.saved and $run/iptables.now"
    return 1
  fi
  gone=$(chains_left "$@")
  [ -z "$gone" ] || because "iptables still has: $(printf %s "$gone" | oneline)"
}

# set_family 4|6: $save and $restore; 1 where the node has none.
set_family() {
  case $1 in 4) save=iptables-save restore=iptables-restore ;; *) save=ip6tables-save restore=ip6tables-restore ;; esac
  has "$save" && has "$restore"
}

saved_whole() {
  "$save" >"$run/iptables.$family.new" 2>"$run/iptables.said" 9>&- ||
    because "$save exited with $?: $(oneline <"$run/iptables.said")" || return 1
  change mv -f -- "$run/iptables.$family.new" "$run/iptables.$family"
}

# chains_script WORD...: what of these is there now, as a script that changes each table in one go and nothing else.
chains_script() {
  for table in raw mangle nat filter; do
    there=$("$save" -t "$table" 2>/dev/null 9>&-) || continue
    rules='' flushed='' removed=''
    for item in "$@"; do
      case $item in
        "rule $family $table "*)
          item=${item#"rule $family $table "}
          case $newline$there$newline in *"$newline-A $item$newline"*) rules="$rules-D $item$newline" ;; esac
          ;;
        "chain $family $table "*)
          item=${item#"chain $family $table "}
          case $newline$there in
            *"$newline:$item "*) flushed="$flushed-F $item$newline" removed="$removed-X $item$newline" ;;
          esac
          ;;
        "policy $family")
          case $table:$newline$there in
            filter:*"$newline:FORWARD DROP "*) rules="$rules-P FORWARD ACCEPT$newline" ;;
          esac
          ;;
      esac
    done
    [ -z "$rules$flushed" ] || printf '*%s\n%s%s%sCOMMIT\n' "$table" "$rules" "$flushed" "$removed"
  done
}

chains_left() {
  for family in 4 6; do
    ! set_family "$family" || chains_script "$@"
  done
}

# chains_restore: the tables that were changed, as they were; what is there now is kept beside it.
chains_restore() {
  for family in 4 6; do
    if [ ! -e "$run/iptables.$family.remove" ] || ! set_family "$family"; then continue; fi
    "$save" >"$run/iptables.$family.now" 2>/dev/null 9>&-
    changed_tables=$(sed -n 's/^\*//p' "$run/iptables.$family.remove")
    for table in $changed_tables; do
      said=$("$restore" -w 10 -T "$table" <"$run/iptables.$family" 2>&1 9>&-) ||
        because "$reason; and table $table cannot be restored: $(printf %s "$said" | oneline);" \
          "restore it: $restore -T $table $run/iptables.$family" || return 1
    done
    if [ "$family" = 4 ]; then
      mv -f -- "$run/iptables.4.now" "$run/iptables.now" && cp -- "$run/iptables.4" "$run/iptables.saved"
    fi
    change rm -f -- "$run/iptables.$family.remove" "$run/iptables.$family" || return 1
  done
  rm -f -- "$run/reached"
}

# reached WORD...: `FROM ADDRESS PORT` of what answers now; FROM is the node (`-`) or a pod's network namespace, whose
# packets are forwarded.
reached() {
  tool=$(connecting) || return 0
  asked_places=$(printf '%s\n' "$@" | sed -n 's/^reach //p')$newline$(services)
  from='-'
  if has nsenter; then
    networks=$(find "$root/run/netns" -mindepth 1 -maxdepth 1 2>/dev/null | head -n 2)
    for each in $networks; do from="$from ${each##*/}"; done
  fi
  for each in $from; do
    while read -r address port; do
      [ -z "$port" ] || { { ! opens "$each" "$address" "$port" || echo "$each $address $port"; } 9>&- & }
    done <<END
$asked_places
END
  done
  wait
}

# services: addresses and ports of a few Services as kube-proxy has them in iptables.
services() {
  iptables-save -t nat 2>/dev/null 9>&- |
    sed -n 's|^-A KUBE-SERVICES -d \([0-9.]*\)/32 -p tcp .*--dport \([0-9]*\) -j KUBE-SVC-.*|\1 \2|p' | head -n 4
}

asks_from() { case $1 in -) printf 'the node,' ;; *) printf 'a pod,' ;; esac }

connecting() {
  for tool in bash socat nc; do
    if has $tool; then echo $tool && return 0; fi
  done
  return 1
}

# opens FROM ADDRESS PORT: a TCP connection within two seconds.
opens() {
  inside=
  [ "$1" = - ] || inside="nsenter --net=$root/run/netns/$1"
  # shellcheck disable=SC2016,SC2086 # bash's own variables; words
  case $tool in
    bash) $inside timeout 2 bash -c ': <"/dev/tcp/$0/$1"' "$2" "$3" ;;
    socat) $inside timeout 2 socat -u OPEN:/dev/null "TCP:$2:$3" ;;
    nc) $inside timeout 3 nc -z -w 2 "$2" "$3" ;;
  esac >/dev/null 2>&1 </dev/null
}

answers_again() {
  deadline=$(($(date +%s) + reach_seconds))
  until still_reached; do
    [ "$(date +%s)" -lt $deadline ] || return 1
    sleep 0.3
  done
}

# still_reached: what answered before does now; a pod that has ended meanwhile asks no more. $missing is the rest.
still_reached() {
  tool=$(connecting) || return 0
  missing=$(
    while read -r each address port; do
      if [ -z "$port" ] || { [ "$each" != - ] && [ ! -e "$root/run/netns/$each" ]; }; then continue; fi
      { opens "$each" "$address" "$port" || echo "$address:$port from $(asks_from "$each")"; } 9>&- &
    done <"$run/reached"
    wait
  )
  [ -z "$missing" ]
}

# packages_remove MANAGER UNIT NAME=VERSION...: exactly these go; neither the kubelet nor UNIT is stopped or restarted.
packages_remove() {
  manager=$1 source_serving=$2
  shift 2
  left_packages=
  for planned in "$@"; do
    if packages_there "$manager" "$planned"; then
      left_packages="$left_packages ${planned%=*}"
    elif package_listed "${planned%=*}"; then
      # a removal that was cut is done again
      [ -e "$run/removing" ] || because "$reason; make a new plan" || return 1
      left_packages="$left_packages ${planned%=*}"
    fi
  done
  [ -n "$left_packages" ] || return 0
  [ "$manager" != apt ] || [ -e "$run/removing" ] || dpkg_whole /etc/cni/net.d || return 1
  [ -e "$processes" ] || write_whole "$processes" "$(main_processes)" || return 1
  # shellcheck disable=SC2086 # words
  removal_as_planned $left_packages || return 1
  # shellcheck disable=SC2086 # words
  fence_up && change touch "$run/removing" && removed_now $left_packages
  laid=$? laid_reason=$reason
  fence_down || return 1
  undisturbed && change rm -f -- "$processes" || return 1
  [ $laid -eq 0 ] || because "$laid_reason" || return 1
  for package in $left_packages; do
    ! package_listed "$package" || because "$package is still installed; look with: cat $run/install.out" || return 1
  done
}

# package_listed NAME: it is installed, whole or in part.
package_listed() {
  case $manager in
    apt) case $(dpkg_says "$1") in [a-z][iUFWtH]*) return 0 ;; esac ;;
    *) case $(rpm_says "$1") in ii\ *) return 0 ;; esac ;;
  esac
  return 1
}

# removal_as_planned NAME...: what the manager would do now is the removal of these and nothing else.
removal_as_planned() {
  all_planned=" $* "
  removing simulated "$@"
  actions=$(actions_of "$manager" <"$run/install.out")
  case $newline$actions$newline in
    *"${newline}end$newline"*) ;;
    *) because "$manager cannot remove what was planned: $(package_errors)" || return 1 ;;
  esac
  while read -r action package; do
    case $action in
      end) ;;
      remove) among "$package" "$all_planned" ||
        because "$manager would remove $package too, which the plan does not have; make a new plan" || return 1 ;;
      *) because "$manager would $action $package, which the plan does not have; make a new plan" || return 1 ;;
    esac
  done <<END
$actions
END
}

# removing HOW NAME...: HOW is `simulated` or `real`. What came with these and serves nothing else stays.
removing() {
  really=$1
  shift
  case $manager:$really in
    apt:simulated) set -- apt-get -s -q -o APT::Get::AutomaticRemove=false remove -- "$@" ;;
    apt:*)
      set -- quietly apt-get -y -q -o APT::Get::AutomaticRemove=false -o "DPkg::Lock::Timeout=$busy_seconds" \
        -o Dpkg::Use-Pty=0 remove -- "$@"
      ;;
    zypper:simulated)
      set -- zypper --xmlout --non-interactive --no-refresh remove --dry-run --no-clean-deps -- "$@"
      ;;
    zypper:*) set -- quietly zypper --non-interactive --no-refresh remove --no-clean-deps -- "$@" ;;
    dnf:* | yum:*)
      case $really in simulated) answer=--assumeno ;; *) answer=-y ;; esac
      case $manager in dnf) clean=False ;; *) clean=0 ;; esac
      set -- quietly "$manager" "$answer" --color=never --setopt=exit_on_lock=True \
        --setopt=clean_requirements_on_remove=$clean remove -- "$@"
      ;;
    *) because "$manager is no package manager that this program knows" || return 1 ;;
  esac
  until_free "$@"
}

removed_now() {
  removing real "$@" && return 0
  code=$?
  # zypper, done: 102 and 103 something should be restarted, 107 a script failed
  case $manager:$code in zypper:10[237]) return 0 ;; esac
  because "$manager exited with $code: $(package_errors); all of it: cat $run/install.out"
}

# files_remove PATH...: files, links and sockets, and folders of the source's own with what is in them.
files_remove() {
  for path in "$@"; do
    case $path in */../* | */.. | *//*) because "$path is no path that is removed" || return 1 ;; esac
    source_left "$path" || because "$path is no path that is removed" || return 1
    unmounted_below "$path" || return 1
    if [ -d "$root$path" ] && [ ! -h "$root$path" ]; then
      removed_whole "$root$path" || return 1
    else
      change rm -f -- "$root$path" || return 1
    fi
  done
  attempt systemctl daemon-reload
}

# unmounted_below PATH: network namespaces that the source left mounted there go; any other mount stops the step.
unmounted_below() {
  while read -r _ mounted type _; do
    case $mounted in "$root$1"/*) ;; *) continue ;; esac
    case $type:$mounted in
      nsfs:"$root$source_namespaces"/*) attempt umount "$mounted" || return 1 ;;
      *) because "something is mounted at $mounted; look with: findmnt $mounted" || return 1 ;;
    esac
  done </proc/mounts
}

# removed_whole PATH: with what is in it, on its own file system. An rm that does not know the word (busybox) removes
# what was just looked through for mounts.
removed_whole() {
  said=$(rm -rf --one-file-system -- "$1" 2>&1 9>&-) && return 0
  case $said in *'unrecognized option'*) said=$(rm -rf -- "$1" 2>&1 9>&-) && return 0 ;; esac
  cannot removed "$1" "$said"
}

# link_remove NAME: one to which nothing is attached.
link_remove() {
  [ -e "$root/sys/class/net/$1" ] || return 0
  attached=$(find "$root/sys/class/net/$1/brif" -mindepth 1 2>/dev/null | oneline)
  [ -z "$attached" ] || because "$attached is attached to $1; look with: ip link show master $1" || return 1
  attempt delete_link "$1"
}

delete_link() { ip link delete "$1"; }

# namespace_remove NAME SOCKET: all that it holds, and then itself; others' are untouched.
namespace_remove() {
  space=$1 store=$2
  spaces=$(in_store namespaces ls -q) ||
    because "the containerd at $store does not list its namespaces: $(printf %s "$spaces" | oneline)" || return 1
  among "$space" " $(printf %s "$spaces" | tr '\n' ' ') " || return 0
  tasks=$(in_space tasks ls -q | oneline)
  [ -z "$tasks" ] ||
    because "containers of $source_title run in $store: $tasks; look with: ctr -n $space tasks ls" || return 1
  emptied containers containers ls -q && emptied images images ls -q && emptied leases leases ls -q || return 1
  for shotter in $(in_store plugins ls | sed -n 's/^io\.containerd\.snapshotter\.v1 *\([^ ]*\) .* ok *$/\1/p'); do
    # a child is removed before its parent: as long as one goes, there is another round
    while keys=$(in_space snapshots --snapshotter "$shotter" ls | sed -n '2,$s/ .*//p') && [ -n "$keys" ]; do
      some=
      for key in $keys; do ! in_space snapshots --snapshotter "$shotter" rm "$key" >/dev/null 2>&1 || some=yes; done
      [ -n "$some" ] || because "snapshots of $shotter in $space cannot be removed: $(printf %s "$keys" | oneline)" ||
        return 1
    done
  done
  emptied content content ls -q || return 1
  said=$(in_store namespaces rm "$space" 2>&1) ||
    because "the namespace $space cannot be removed: $(printf %s "$said" | oneline)"
}

in_store() { timeout 60 ctr --address "$store" "$@" 9>&-; }
in_space() { timeout 60 ctr --address "$store" -n "$space" "$@" 9>&-; }

# emptied WHAT WORD...: everything that the words list is removed.
emptied() {
  what=$1
  shift
  in_it=$(in_space "$@") || because "$what of $space cannot be listed in $store" || return 1
  [ -n "$in_it" ] || return 0
  # shellcheck disable=SC2086 # one word an ID
  said=$(in_space "$what" rm $in_it 2>&1) ||
    because "$what of $space cannot be removed from $store: $(printf %s "$said" | oneline)"
}

# data_remove ROOT ENTRY...: what the source made of its data root. Never through a mount, and never another name.
data_remove() {
  data=$1
  shift
  case $data in
    /*/*) ;;
    *) because "$data is no data root of $source_title alone" || return 1 ;;
  esac
  for in_root in "$@"; do
    among "$in_root" "$source_entries" || because "$in_root in $data is nothing that $source_title makes" || return 1
    unmounted_below "$data/$in_root" || return 1
    [ -e "$root$data/$in_root" ] || [ -h "$root$data/$in_root" ] || continue
    removed_whole "$root$data/$in_root" || return 1
  done
  # a mount point and what others put there stay
  rmdir -- "$root$data" 2>/dev/null || note "$data stays: it is a mount point or not empty"
}

# group_remove NAME
group_remove() {
  ! group_there "$1" || attempt delete_group "$1"
}

group_there() { getent group "$1" >/dev/null 2>&1; }

delete_group() { groupdel "$1"; }

# records_remove RUN...: of earlier runs; this one's own stays.
records_remove() {
  for record in "$@"; do
    case $record in
      "$name" | '' | .* | *[!A-Za-z0-9._-]*) because "$record is no earlier run" || return 1 ;;
    esac
    unmounted_below "${home#"$root"}/$record" && removed_whole "$home/$record" || return 1
  done
}
