# Verbs.

usage="usage: sh program.sh forward prepare|switch [--on-failure stop] | back [--force] | pause | status | renew | disarm | mark WORD"

# walk SEGMENT: its steps in order; what is done already is not done again. 1: a step failed; 7: another actor took over; 8: paused.
walk() {
  i=0
  while [ "$i" -lt "$count" ]; do
    i=$((i + 1))
    recall "$i"
    on_the_way "$kind"
    if [ "$segment" != "$1" ] || [ "$way" = back ] || among "$i" "$ended"; then continue; fi
    ! fenced || return 7
    if [ "$1" = prepare ] && [ -e "$run/paused" ]; then flush && return 8; fi
    current_step="$i $kind"
    record begin "$i" "$kind" || return 1
    among "$i" "$begun" || begun="$begun$i "
    # on the reserve only the way back goes on
    [ -z "$full" ] || because "$full" || return 1
    forth "$i" || return 1
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
  [ "$direction" = forward ] || leave 7 "$name: an undo has begun, only the way back is open: sh $run/restore.sh, then make a new plan"
  [ -z "$disarmed" ] || leave 0 "$name: nothing to do, it is finished and acknowledged"
  ! among "$segment_asked" "$finished" || leave 0 "$name: nothing to do, $segment_asked is finished"
  own || leave 7 "$name: $reason"
  case $segment_asked:$finished in
    switch:*' prepare '*) ;;
    switch:*) leave 7 "$name: prepare is not finished; first: forward prepare" ;;
  esac
  [ -z "$parked" ] || leave 7 "$name: parked: $why; the way back: sh $run/restore.sh"
  read_generation
  [ "$current" -gt 0 ] || write_whole "$home/generation" 1 || leave 1 "$name: $reason"
  read_generation
  generation=$current
  rm -f -- "$run/paused"
  walk "$segment_asked"
  case $? in
    0) ;;
    7) leave 7 "$name: generation $current took over" ;;
    8) leave 7 "$name: paused before step $i of prepare; it goes on with: forward prepare" ;;
    *) failed ;;
  esac
  record finished - "$segment_asked" || leave 1 "$name: $reason"
  # what only installs something is done with this, and the node is free for the plan of the move
  [ -n "$(first_of guard)" ] || rm -f -- "$home/current"
  leave 0 "$name: $segment_asked is finished"
}

# failed: in prepare nothing else was changed; in switch the node goes back at once, or is parked where the caller wants to look.
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
    park "step $current_step failed: $pending_reason"
  fi
  undo_all "step $current_step failed: $pending_reason"
}

# park REASON: nothing more is done by itself.
park() {
  systemctl stop docker2cri-guard.timer >/dev/null 2>&1
  record parked - - "$1"
  leave 6 "$name: parked: $1; look with: sh $run/program.sh status; the way back: sh $run/restore.sh"
}

# back: asked for by the tool or a person.
back() {
  fold
  [ -z "$restored" ] || leave 0 "$name: nothing to do, it is restored"
  [ -z "$uncordoning" ] || [ -n "$force" ] || leave 7 "$name: pods may have come back to this node (uncordoning was begun): drain it first, then: sh $run/restore.sh --force"
  # seen now, the node stays whole
  if [ "$direction" = forward ] && among switch "$finished"; then
    for each in $files; do
      recall "$each"
      with_arguments restorable "$each" || leave 1 "$name: $reason; nothing was changed: then the same again"
    done
  fi
  take_over
  [ -z "$restored" ] || leave 0 "$name: nothing to do, it is restored"
  undo_all 'asked for'
}

# take_over: whoever goes forward stops before its next step, its unit at once; then the lock is ours.
take_over() {
  own || leave 7 "$name: $reason"
  if ! raise_generation; then
    case $shared in read-only*) leave 1 "$name: $reason; nothing was changed: then the same again" ;; esac
    say "$reason"
  fi
  attempt systemctl stop docker2cri-forward.service
  ! active docker2cri-forward.service || leave 7 "$name: docker2cri-forward.service does not stop: $reason"
  take_lock 120
}

# undo_all WHY: newest first, what may have happened. Every failure is noted and the rest goes on; restored, or parked with the reasons.
undo_all() {
  [ "$verb" != forward ] || raise_generation || say "$reason"
  pending=
  record undo-begin - back "$1" || say "$reason"
  reasons='' grave='' shared_before=''
  if among_kind kubelet-stop; then close_early || collect - kubelet-stop; fi
  newest=0
  for i in $begun; do [ "$i" -le "$newest" ] || newest=$i; done
  i=$newest
  while [ "$i" -gt 0 ]; do
    recall "$i"
    on_the_way "$kind"
    if [ "$way" != forth ] && ! among "$i" "$undone" && { [ "$way" = back ] || among "$i" "$begun"; } && ! held_back "$kind"; then
      record undo-begin "$i" "$kind" || say "$reason"
      shared=
      if back_of "$i"; then
        recall "$i"
        record undone "$i" "$kind" || say "$reason"
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
  [ -z "$reasons" ] || park "$reasons"
  # first given up, then recorded: a restored run never owns the node
  rm -f -- "$home/current"
  record restored - - || say "$reason"
  case $verb in
    forward) leave 5 "$name: $1; the node is restored" ;;
    *) leave 0 "$name: the node is restored" ;;
  esac
}

# held_back KIND: after a grave failure the kubelet stays stopped, or pods might run twice or on a half restored node.
held_back() {
  [ -n "$grave" ] || return 1
  case $1 in kubelet-stop | pods-back | guard) ;; *) return 1 ;; esac
}

# collect INDEX KIND: a failure of the way back; the rest goes on.
collect() {
  say "undo of $2 failed: $reason"
  if [ -n "$shared" ] && [ "$shared" = "$shared_before" ]; then
    reasons="$reasons$like$unwritten" like=', '
  else
    reasons="$reasons${reasons:+; }$2: $reason" like='; the same for '
  fi
  shared_before=$shared
  case $2 in pods-stop-back | file | shelve | runtime-back) grave=yes ;; esac
  record undo-failed "$1" "$2" "$reason" || say "$reason"
}

# among_kind KIND: such a step has begun and is not undone.
among_kind() {
  step=$(first_of "$1")
  [ -n "$step" ] && among "$step" "$begun" && ! among "$step" "$undone"
}

# close_early: armed again (after a reboot or long after success), and nothing starts containers while the node changes.
close_early() { arm && close_gate; }

# go_home: the very last: gate, guard and boot unit go, the kubelet runs as it was found.
go_home() {
  disarm_units all || return 1
  as_found "$kubelet"
}

# by_itself: the guard and the boot unit. They and `disarm` decide under the lock; whoever journals first wins.
by_itself() {
  fold
  if [ -z "$disarmed$restored$parked" ]; then take_over; else take_lock 60; fi
  if [ -n "$restored$parked" ]; then leave 0 "$name: nothing to do"; fi
  if [ "$direction" = forward ] && [ -n "$disarmed" ]; then
    if ! disarm_units || ! as_found "$kubelet"; then leave 1 "$name: $reason"; fi
    leave 0 "$name: nothing to do, it was acknowledged"
  fi
  undo_all "by the $verb unit: nobody renewed it, or the node was booted"
}

# as_found UNIT: running, if it ran.
as_found() {
  ! was_active "$1" || active "$1" || start_unit "$1"
}

disarm() {
  take_lock 30
  [ "$direction" = forward ] || leave 7 "$name: an undo has begun, nothing is left to acknowledge; look with: sh $run/program.sh status"
  among switch "$finished" || leave 7 "$name: switch is not finished, there is nothing to acknowledge yet; look with: sh $run/program.sh status"
  read_generation
  generation=$current
  [ -n "$disarmed" ] || record disarmed - - || leave 1 "$name: $reason"
  disarm_units || leave 1 "$name: $reason; again: sh $run/program.sh disarm"
  remove_made >/dev/null
  leave 0 "$name: disarmed"
}

# pause: a running `forward prepare` stops after its step. Inside switch nothing pauses.
pause() {
  fold
  if [ "$direction" = back ] || among_segment switch; then leave 7 "$name: switch has begun, it does not pause"; fi
  attempt touch "$run/paused" || leave 1 "$name: $reason"
}

renew() {
  fold
  if [ "$direction" = back ] || [ -n "$disarmed" ]; then leave 7 "$name: nothing to renew ($last)"; fi
  attempt systemctl restart docker2cri-guard.timer || leave 1 "$name: $reason"
}

mark() {
  take_lock 30
  [ "$direction" = forward ] || leave 7 "$name: an undo has begun, no pods may come; look with: sh $run/program.sh status"
  read_generation
  generation=$current
  case $1 in
    uncordoning) record uncordoning - - ;;
    *) record note - - "$1" ;;
  esac || leave 1 "$name: $reason"
}

# status: `key=value`, one a line; changes nothing and takes no lock.
status() {
  fold
  read_generation
  holder=
  if [ -e "$home/lock" ] && ! (flock -s -n 8) 8<"$home/lock"; then read -r holder <"$home/lock"; fi
  if [ -n "$restored" ]; then state=restored
  elif [ -n "$parked" ]; then state=parked
  elif [ "$direction" = back ]; then state=restoring
  elif [ -n "$disarmed" ]; then state=acknowledged
  elif among switch "$finished"; then state=switched
  elif among_segment switch; then state=switching
  elif among prepare "$finished"; then state=prepared
  elif [ "$begun" != ' ' ]; then state=preparing
  else state=new
  fi
  printf '%s\n' "run=$name" "state=$state" "direction=$direction" "generation=$current" "last=$last" "at=$last_at" "finished=${finished# }" \
    "holder=$holder" "why=$why" "uncordoning=${uncordoning:-no}"
  if active docker2cri-guard.timer; then echo guard=armed; else echo guard=off; fi
  if [ ! -e "$(gate_file)" ]; then echo gate=none; elif [ -e "$gate" ]; then echo gate=open; else echo gate=closed; fi
  if [ -e "$marker" ]; then echo docker=shelved; else echo docker=free; fi
}

# among_segment SEGMENT: a step of it has begun.
among_segment() {
  for i in $begun; do
    recall "$i"
    [ "$segment" != "$1" ] || return 0
  done
  return 1
}

on_failure=back
force=
main() {
  trap '' HUP PIPE
  verb=${1:-}
  load_steps || leave 1 "$name: $reason"
  case $verb:${2:-}:${3:-}:${4:-} in
    forward:prepare:: | forward:switch::) forward "$2" ;;
    forward:switch:--on-failure:stop) on_failure=stop && forward switch ;;
    back:::) back ;;
    back:--force::) force=yes && back ;;
    guard::: | boot:::) by_itself ;;
    status:::) status ;;
    renew:::) renew ;;
    pause:::) pause ;;
    disarm:::) disarm ;;
    mark:[a-z]*::) mark "$2" ;;
    *) printf '%s\n' "$usage" >&2 && exit 2 ;;
  esac
}

main "$@"
