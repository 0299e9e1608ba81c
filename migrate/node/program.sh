# Verbs.

usage="usage: sh program.sh forward prepare|switch [--on-failure stop] | rollback [--force] | pause | status | renew"
usage="$usage | disarm | mark WORD | release REASON | etcdctl WORD... | etcd-snapshot"
usage="$usage | kubernetes-files | readyz"

# walk SEGMENT: its steps in order; what is done already is not done again. 1: a step failed; 7: another actor took
# over; 8: paused.
walk() {
  i=0
  while [ "$i" -lt "$count" ]; do
    i=$((i + 1))
    recall "$i"
    if [ "$segment" != "$1" ] || [ "$way" = rollback ] || among "$i" "$ended"; then continue; fi
    ! fenced || return 7
    if [ "$1" = prepare ] && [ -e "$run/paused" ]; then flush && return 8; fi
    current_step="$i $kind"
    record begin "$i" "$kind" || return 1
    among "$i" "$begun" || begun="$begun$i "
    # on the reserve only a rollback goes on
    [ -z "$full" ] || because "$full" || return 1
    perform "$i" || return 1
    ! fenced || return 7
    recall "$i"
    record_with_next "done" "$i" "$kind"
    ended="$ended$i "
  done
  flush
}

forward() {
  segment_asked=$1
  take_lock 30
  [ -z "$released" ] || leave 7 "$name: it was released ($why); make a new plan"
  [ "$direction" = forward ] ||
    leave 7 "$name: a rollback has begun; finish it: sh $run/restore.sh, then make a new plan"
  weigh
  [ -z "$doubt" ] || leave 7 "$name: $doubt; roll back with: sh $run/restore.sh"
  [ -z "$disarmed" ] || leave 0 "$name: nothing to do, it is finished and acknowledged"
  ! among "$segment_asked" "$finished" || leave 0 "$name: nothing to do, $segment_asked is finished"
  own || leave 7 "$name: $reason"
  case $segment_asked:$finished in
    switch:*' prepare '*) ;;
    switch:*) leave 7 "$name: prepare is not finished; first: forward prepare" ;;
  esac
  [ -z "$attention" ] || leave 7 "$name: needs attention: $why; roll back with: sh $run/restore.sh"
  if ! known_generation; then leave 7 "$name: $reason; roll back with: sh $run/restore.sh"; fi
  [ "$current" -gt 0 ] || write_whole "$home/generation" 1 || leave 1 "$name: $reason"
  read_generation
  generation=$current
  rm -f -- "$run/paused"
  walk "$segment_asked"
  case $? in
    0) ;;
    7) leave 7 "$name: generation $current took over, expected was $generation; $see_status" ;;
    8) leave 7 "$name: paused before step $i of prepare; it goes on with: forward prepare" ;;
    *) failed ;;
  esac
  record finished - "$segment_asked" || leave 1 "$name: $reason"
  # what only installs something is done with this, and the node is free for the plan of the move
  [ -n "$(first_of guard)" ] || rm -f -- "$home/current"
  leave 0 "$name: $segment_asked is finished"
}

# known_generation: there is a number, and the journal has no higher one.
known_generation() {
  read_generation || return 1
  [ "$current" -ge "$last_generation" ] ||
    because "$home/generation is older than the journal: $current, expected was $last_generation"
}

# failed: in prepare nothing else was changed; in switch the node rolls back at once, or is left as it stands where the
# caller wants to look.
failed() {
  pending_reason=$reason
  if full_disk; then
    case $pending_reason in *' is full; '*) ;; *) pending_reason="$full; so $pending_reason" ;; esac
  fi
  # shellcheck disable=SC2086 # index and kind
  record failed $current_step "$pending_reason"
  say "$name: step $current_step failed: $pending_reason"
  [ "$segment_asked" = switch ] || leave 1 "$name: step $current_step failed: $pending_reason"
  if [ "$on_failure" = stop ]; then
    give_up "step $current_step failed: $pending_reason"
  fi
  undo_all failed "step $current_step failed: $pending_reason"
}

# give_up REASON: the node needs attention, nothing more is done by itself.
give_up() {
  systemctl stop docker2cri-guard.timer >/dev/null 2>&1
  record needs-attention - - "$1"
  leave 6 "$name: needs attention: $1; $see_status; roll back with: sh $run/restore.sh"
}

# rollback: asked for by the tool or a person.
rollback() {
  fold
  if [ -n "$rolled_back" ]; then
    take_lock 60
    weigh
    [ -z "$rolled_back" ] || leave 0 "$name: nothing to do, it is rolled back"
  fi
  [ -z "$released" ] || [ -n "$force" ] ||
    leave 7 "$name: it was released ($why), so it is not rolled back; it still can be: sh $run/restore.sh --force"
  [ -z "$uncordoning" ] || pods_first
  # seen now, the node stays whole
  if [ "$direction" = forward ] && among switch "$finished"; then
    for each in $files; do
      recall "$each"
      with_arguments restorable "$each" || leave 1 "$name: $reason; nothing was changed: then the same again"
    done
  fi
  take_over
  weigh
  [ -z "$rolled_back" ] || leave 0 "$name: nothing to do, it is rolled back"
  ! may_hold_pods || pods_first
  undo_all asked 'it was asked for'
}

# pods_first: pods may have come back to this node, or the journal does not tell any more that they may not.
pods_first() {
  [ -n "$force" ] ||
    leave 7 "$name: pods may have come back to this node (uncordoning was begun):" \
      "drain it first, then: sh $run/restore.sh --force"
}

# take_over: whoever goes forward stops before its next step, its unit at once; then the lock is ours.
take_over() {
  own take || leave 7 "$name: $reason"
  if ! raise_generation; then
    case $shared in read-only*) leave 1 "$name: $reason; nothing was changed: then the same again" ;; esac
    say "$reason"
  fi
  attempt systemctl stop docker2cri-forward.service
  ! active docker2cri-forward.service || leave 7 "$name: docker2cri-forward.service does not stop: $reason"
  take_lock 120
}

# undo_all CAUSE WHY: newest first, what may have happened; CAUSE is `asked`, `failed`, `guard` or `boot`. Every
# failure is noted and the rest goes on; then the node is rolled back, or needs attention for these reasons.
undo_all() {
  [ "$verb" != forward ] || raise_generation || say "$reason"
  pending=
  if [ -n "$doubt" ]; then
    say "$name: $doubt; whatever may have happened is undone"
    [ -n "$told_broken" ] || record broken - - "$doubt" || say "$reason"
  fi
  record undo-begin - rollback "$1" || say "$reason"
  reasons='' grave='' shared_before=''
  if among_kind kubelet-stop; then close_early || collect - kubelet-stop; fi
  newest=0
  for i in $begun; do [ "$i" -le "$newest" ] || newest=$i; done
  i=$newest
  while [ "$i" -gt 0 ]; do
    recall "$i"
    if to_undo "$i" && ! held_back "$kind"; then
      record undo-begin "$i" "$kind" || say "$reason"
      shared=
      if undo "$i"; then
        recall "$i"
        record_with_next undone "$i" "$kind"
        undone="$undone$i "
      else
        recall "$i"
        collect "$i" "$kind"
      fi
    fi
    i=$((i - 1))
  done
  remove_made
  [ -z "$grave" ] || reasons="$reasons; the kubelet stays stopped, its gate closed"
  [ -z "$reasons" ] || give_up "$reasons"
  # first released, then recorded: a run that is rolled back never owns the node; the one that a cleanup would have
  # closed does again
  if [ -n "$succeeded" ] && [ -e "$home/$succeeded/program.sh" ]; then
    write_whole "$home/current" "$succeeded" || say "$reason"
  else
    rm -f -- "$home/current"
  fi
  record rolled-back - - || say "$reason"
  case $verb in
    forward) leave 5 "$name: $2; the node is rolled back" ;;
    *) leave 0 "$name: the node is rolled back" ;;
  esac
}

# to_undo INDEX: it may have happened, or only a rollback has it; $way is the step's.
to_undo() {
  [ "$way" != apply ] && ! among "$1" "$undone" && { [ "$way" = rollback ] || among "$1" "$begun"; }
}

# held_back KIND: after a grave failure the kubelet stays stopped, or pods might run twice or on a half restored node.
held_back() {
  [ -n "$grave" ] || return 1
  case $1 in kubelet-stop | pods-wait | guard) ;; *) return 1 ;; esac
}

# collect INDEX KIND: an undo that failed; the rest goes on.
collect() {
  say "undo of $2 failed: $reason"
  if [ -n "$shared" ] && [ "$shared" = "$shared_before" ]; then
    reasons="$reasons$like$unwritten" like=', '
  else
    reasons="$reasons${reasons:+; }$2: $reason" like='; the same for '
  fi
  shared_before=$shared
  case $2 in pods-remove | file | source-stop | source-keep | runtime-restore) grave=yes ;; esac
  record undo-failed "$1" "$2" "$reason" || say "$reason"
}

# among_kind KIND: such a step has begun and is not undone.
among_kind() {
  step=$(first_of "$1")
  [ -n "$step" ] && happened "$step"
}

# close_early: armed again (after a reboot or long after success), files are ready, and the kubelet stays stopped.
close_early() {
  arm || return 1
  restage_all
  close_gate
}

# remove_guard: the very last: gate, guard and boot unit go, the kubelet runs as it was found.
remove_guard() {
  disarm_units all || return 1
  as_found "$kubelet"
}

# by_itself: the guard and the boot unit. They and `disarm` decide under the lock; whoever journals first wins.
by_itself() {
  fold
  if [ -n "$disarmed$rolled_back$attention$released" ]; then
    take_lock 60
    leave_if_ended
  fi
  take_over
  leave_if_ended
  undo_all "$verb" "by the $verb unit: no heartbeat from the operator, or the node was booted"
}

# leave_if_ended: nothing is left to do by itself, and the machine shows nothing else.
leave_if_ended() {
  if [ -n "$attention$released" ]; then leave 0 "$name: nothing to do"; fi
  weigh
  if [ -n "$rolled_back" ]; then leave 0 "$name: nothing to do"; fi
  if [ "$direction" = forward ] && [ -n "$disarmed" ] && [ -z "$doubt" ]; then
    if ! disarm_units || ! as_found "$kubelet"; then leave 1 "$name: $reason"; fi
    leave 0 "$name: nothing to do, it was acknowledged"
  fi
}

# as_found UNIT: running, if it ran.
as_found() {
  ! was_active "$1" || active "$1" || start_unit "$1"
}

disarm() {
  take_lock 30
  [ -z "$doubt$released" ] || leave 7 "$name: ${doubt:-it was released ($why)}; $see_status"
  [ "$direction" = forward ] || leave 7 "$name: a rollback has begun, nothing is left to acknowledge; $see_status"
  among switch "$finished" || leave 7 "$name: switch is not finished, nothing is there to acknowledge yet; $see_status"
  read_generation || leave 7 "$name: $reason; $see_status"
  generation=$current
  [ -n "$disarmed" ] || record disarmed - - || leave 1 "$name: $reason"
  disarm_units || leave 1 "$name: $reason; again: sh $run/program.sh disarm"
  remove_made >/dev/null
  leave 0 "$name: disarmed"
}

# pause: a running `forward prepare` stops after its step. Inside switch nothing pauses.
pause() {
  fold
  if [ "$direction" = rollback ] || [ -n "$released" ] || among_segment switch; then
    leave 7 "$name: switch has begun, it does not pause"
  fi
  attempt touch "$run/paused" || leave 1 "$name: $reason"
}

renew() {
  fold
  if [ "$direction" = rollback ] || [ -n "$disarmed$released" ]; then leave 7 "$name: nothing to renew ($last)"; fi
  attempt systemctl restart docker2cri-guard.timer || leave 1 "$name: $reason"
}

mark() {
  take_lock 30
  [ -z "$released" ] || leave 7 "$name: it was released ($why); $see_status"
  [ "$direction" = forward ] || leave 7 "$name: a rollback has begun, no pods may come; $see_status"
  read_generation || leave 7 "$name: $reason; $see_status"
  generation=$current
  case $1 in
    uncordoning) record uncordoning - - ;;
    *) record note - - "$1" ;;
  esac || leave 1 "$name: $reason"
}

# let_go REASON: a person has looked, and lets the node go as it stands: nothing acts on it by itself any more.
let_go() {
  given=$(printf %s "$1" | oneline)
  [ -n "$given" ] || leave 2 "$name: a reason is missing"
  take_lock 30
  read_generation || say "$reason"
  generation=$current
  [ -n "$released" ] || record released - - "$given" || leave 1 "$name: $reason"
  disarm_units || leave 1 "$name: $reason; again: sh $run/program.sh release REASON"
  owner=
  [ ! -f "$home/current" ] || read -r owner <"$home/current"
  [ "$owner" != "$name" ] || change rm -f -- "$home/current" || leave 1 "$name: $reason"
  active "$kubelet" || say "$kubelet does not run; it starts with: systemctl start $kubelet"
  change rm -f -- "$kept_marker" || leave 1 "$name: $reason"
  [ ! -e "$marker" ] || say "$stopped_title is kept from starting; it may start with: rm $marker"
  leave 0 "$name: released"
}

# status: `key=value`, one a line; changes nothing and takes no lock.
status() {
  fold
  doubt="$unloaded${doubt:+${unloaded:+; }}$doubt"
  read_generation || doubt="$doubt${doubt:+; }$reason"
  holder=
  if [ -e "$home/lock" ] && ! (flock -s -n 8) 8<"$home/lock"; then read -r holder <"$home/lock"; fi
  if [ -n "$released" ]; then state=released
  elif [ -n "$rolled_back" ]; then state=rolled-back
  elif [ -n "$attention" ]; then state=needs-attention
  elif [ "$direction" = rollback ]; then state=rolling-back
  elif [ -n "$disarmed" ]; then state=acknowledged
  elif among switch "$finished"; then state=switched
  elif among_segment switch; then state=switching
  elif among prepare "$finished"; then state=prepared
  elif [ "$begun" != ' ' ]; then state=preparing
  else state=new
  fi
  # whoever acts now is in between what is told and what is there
  [ -n "$holder$unloaded" ] || weigh
  [ -z "$doubt$released" ] || { [ "$state" = released ] || state=needs-attention why="${why:+$why; }$doubt"; }
  printf '%s\n' "run=$name" "state=$state" "direction=$direction" "generation=$current" "last=$last" "at=$last_at" \
    "finished=${finished# }" "holder=$holder" "why=$why" "uncordoning=${uncordoning:-no}" "doubt=$doubt"
  if active docker2cri-guard.timer; then echo guard=armed; else echo guard=off; fi
  if [ ! -e "$(gate_file)" ]; then echo gate=none; elif [ -e "$gate" ]; then echo gate=open; else echo gate=closed; fi
  if [ -e "$kept_marker" ]; then echo docker=kept
  elif [ -e "$marker" ]; then echo docker=stopped
  else echo docker=free
  fi
}

# among_segment SEGMENT: a step of it has begun.
among_segment() {
  for i in $begun; do
    recall "$i"
    [ "$segment" != "$1" ] || return 0
  done
  return 1
}

# without_steps: what is to be undone is not known: a person looks.
without_steps() {
  take_lock 60
  [ -z "$rolled_back$released" ] || leave 0 "$name: nothing to do ($last)"
  raise_generation || say "$reason"
  case $verb in rollback) cause=asked ;; *) cause=$verb ;; esac
  record undo-begin - rollback "$cause" || say "$reason"
  give_up "$unloaded; the bytes of before lie in $run/files"
}

on_failure=rollback
force=
unloaded=
main() {
  trap '' HUP PIPE
  verb=${1:-}
  if ! load_steps; then
    unloaded=$reason
    case $verb in
      rollback | guard | boot) without_steps ;;
      status | release) ;;
      *) leave 1 "$name: $unloaded" ;;
    esac
  fi
  case $verb:${2:-}:${3:-}:${4:-} in
    forward:prepare:: | forward:switch::) forward "$2" ;;
    forward:switch:--on-failure:stop) on_failure=stop && forward switch ;;
    rollback:::) rollback ;;
    rollback:--force::) force=yes && rollback ;;
    guard::: | boot:::) by_itself ;;
    status:::) status ;;
    renew:::) renew ;;
    pause:::) pause ;;
    disarm:::) disarm ;;
    mark:[a-z]*::) mark "$2" ;;
    release:?*::) let_go "$2" ;;
    etcdctl:*) shift && ask_etcd "$@" ;;
    etcd-snapshot:::) snapshot_etcd || leave 1 "$name: $reason" ;;
    kubernetes-files:::) kubernetes_files ;;
    readyz:::) plane_parts && apiservers_ready ;;
    *) printf '%s\n' "$usage" >&2 && exit 2 ;;
  esac
}

main "$@"
