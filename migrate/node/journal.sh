# The journal, the lock and the generation: who may act, and what may have happened.

# now: seconds since 1970 with hundredths in $stamp, from the boot's time and the uptime: no process is started for it.
started=$(sed -n 's/^btime //p' /proc/stat)
now() {
  read -r uptime _ </proc/uptime
  stamp=$((started + ${uptime%.*})).${uptime#*.}
}

seq=0
gap=1000 # between two entries at most: some are lost on a full disk
digits='[1-9][0-9]{0,8}'
events='begin|done|failed|finished|undo-begin|undone|undo-failed|rolled-back|needs-attention|disarmed|uncordoning|note'
events="$events|broken|released"
entry_form="^$digits (0|$digits) [0-9]{1,12}\\.[0-9]{1,6} ($events) (-|$digits) [a-z-]{1,40}( [^[:cntrl:]]*)?\$"
generation=0
pending=
full=

# append LINES: on the disk when it returns. A full disk gets the reserve back once.
append() {
  add_synced "$1" && return 0
  spare "$run/journal" || return 1
  recover
  add_synced "$1" || cannot written "$run/journal" "$said"
}

# add_synced LINES: piped, as a here-document may need a disk of its own.
add_synced() { said=$(printf '%s\n' "$1" | dd of="$run/journal" oflag=append conv=notrunc,fsync 2>&1); }

# spare PATH: it could not be written, as $said tells. On a full disk the reserve is given up, and $full remembers why;
# 1 when that is no help.
spare() {
  cannot written "$1" "$said"
  case $shared in full*) full=${full:-$reason} ;; *) return 1 ;; esac
  [ -e "$run/reserve" ] || return 1
  rm -f -- "$run/reserve"
}

# full_disk: the run's disk has no room, whatever a step said; told in $full.
full_disk() {
  [ -z "$full" ] || return 0
  if said=$(dd if=/dev/zero of="$run/try" bs=65536 count=1 2>&1); then said=; fi
  rm -f -- "$run/try"
  case $said in *'No space left'* | *'quota exceeded'*) ;; *) return 1 ;; esac
  kept_reason=$reason
  cannot written "$run/try" "$said"
  full=$reason reason=$kept_reason
}

line_of() {
  now
  seq=$((seq + 1))
  entry="$seq $generation $stamp $*"
}

# record EVENT INDEX KIND [TEXT]: journalled before what follows is done.
record() {
  line_of "$@"
  lines=$pending$entry
  pending=
  append "$lines"
}

# record_with_next: the end of a step is written with the beginning of the next: one wait for the disk, not two.
record_with_next() {
  line_of "$@"
  pending=$pending$entry$newline
}

flush() {
  [ -n "$pending" ] || return 0
  lines=${pending%"$newline"}
  pending=
  append "$lines"
}

# recover: a last line that was torn (no newline) never happened. Other lines that are no entries are taken out; the
# journal as it was stays as RUN/journal.broken, which tells every later reader that entries may be missing.
recover() {
  [ -e "$run/journal" ] || return 0
  if [ ! -f "$run/journal" ]; then
    set_aside "$run/journal" && : >"$run/journal.broken"
    return
  fi
  if [ -s "$run/journal" ] && [ "$(tail -c 1 "$run/journal" | wc -l)" -eq 0 ]; then
    whole=$(wc -l <"$run/journal")
    if [ "$whole" -eq 0 ]; then bytes=0; else bytes=$(head -n "$whole" "$run/journal" | wc -c); fi
    truncate -s "$bytes" "$run/journal"
  fi
  [ "$(tr '\000' '\001' <"$run/journal" | grep -vcE "$entry_form")" -gt 0 ] || return 0
  [ ! -e "$run/journal.broken" ] || set_aside "$run/journal.broken"
  copied "$run/journal" "$run/journal.broken" || return 1
  tr '\000' '\001' <"$run/journal.broken" | grep -E "$entry_form" | dd of="$run/journal.new" conv=fsync 2>/dev/null
  change mv -f -- "$run/journal.new" "$run/journal"
}

# fold: reads the journal. $begun, $ended and $undone hold indices between blanks; safe at any time and again. Every
# number is looked at before it is one; a line that is no entry is passed over, and $doubt says so.
fold() {
  begun=' ' ended=' ' undone=' ' finished=' ' direction=forward last=- last_at=- why=''
  disarmed='' rolled_back='' attention='' uncordoning='' released='' doubt='' told_broken=''
  seq=0 last_generation=0
  [ ! -e "$run/journal.broken" ] || doubt="the journal was broken, as it was it lies in $run/journal.broken"
  [ ! -e "$run/journal" ] || [ -f "$run/journal" ] || doubt="$run/journal is no file"
  [ -f "$run/journal" ] || return 0
  row=0
  while read -r number by at event index what text; do
    row=$((row + 1))
    if ! is_entry "$number" "$by" "$event" "$index" "$what"; then
      doubt="${doubt:-line $row of $run/journal is no entry}"
      continue
    fi
    seq=$number last_generation=$by
    last="$event $index $what"
    last_at=$at
    case $event in
      begin) begun="$begun$index " ;;
      done) ended="$ended$index " ;;
      undo-begin) direction=rollback attention='' released='' ;;
      undone) undone="$undone$index " ;;
      finished) finished="$finished$what " ;;
      broken) told_broken=yes rolled_back='' doubt="${doubt:-$text}" ;;
      disarmed) disarmed=yes ;;
      uncordoning) uncordoning=yes ;;
      # what was in doubt was undone from what there is
      rolled-back) rolled_back=yes attention='' doubt='' ;;
      released) released=yes attention='' why=$text ;;
      needs-attention) attention=yes why=$text ;;
      failed | undo-failed) why=$text ;;
    esac
  done <"$run/journal"
}

# is_entry NUMBER GENERATION EVENT INDEX KIND: it follows the entry before, and its step is one of RUN/steps.
is_entry() {
  number "$1" && [ "$1" -gt "$seq" ] && [ "$1" -le $((seq + gap)) ] && number "$2" || return 1
  case "|$events|" in *"|$3|"*) ;; *) return 1 ;; esac
  [ "$4" != - ] || return 0
  number "$4" && [ "$4" -gt 0 ] && [ "$4" -le "$count" ] && eval "[ \"\$kind_$4\" = \"\$5\" ]"
}

# among WORD LIST: LIST has a blank on both ends.
among() { case $2 in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# take_lock SECONDS: waits at most so long for it; then nothing else acts on this node until this process ends.
take_lock() {
  said=$( (: >>"$home/lock") 2>&1) || spare "$home/lock" ||
    leave 1 "$name: $reason; nothing was changed: then the same again"
  exec 9>>"$home/lock"
  patience=$1
  until flock -n 9; do
    if [ "$patience" -le 0 ]; then
      read -r holder <"$home/lock" || holder="another process"
      leave 7 "$name: the lock $home/lock is held by $holder; $see_status"
    fi
    patience=$((patience - 1))
    sleep 1
  done
  printf 'process %s (%s %s)\n' "$$" "$name" "$verb" >"$home/lock"
  recover || say "$reason"
  fold
}

# read_generation: $current, 0 where there is none; 1 with the reason where there is no number.
read_generation() {
  current=0
  [ -e "$home/generation" ] || return 0
  [ ! -f "$home/generation" ] || read -r current <"$home/generation"
  case $current in 9????????) ;; *) ! number "$current" || return 0 ;; esac
  current=0
  because "$home/generation holds no number"
}

# raise_generation: whatever runs with an older one stops before its next step.
raise_generation() {
  read_generation || say "$reason"
  [ "$current" -ge "$last_generation" ] || current=$last_generation
  generation=$((current + 1))
  [ ! -d "$home/generation" ] || set_aside "$home/generation" || return 1
  write_whole "$home/generation" "$generation"
}

# fenced: whether another actor took over since this one began, or that cannot be told.
fenced() { ! read_generation || [ "$current" -ne "$generation" ]; }

# write_whole PATH TEXT: all of it or nothing of it.
write_whole() {
  said=$(printf '%s\n' "$2" | dd of="$1.new" conv=fsync 2>&1) ||
    { spare "$1" && said=$(printf '%s\n' "$2" | dd of="$1.new" conv=fsync 2>&1); } ||
    cannot written "$1" "$said" || return 1
  change mv -f -- "$1.new" "$1"
}

# own [take]: this run is the one that owns the node; 1 with the other's name in $reason. With `take` a name of a run
# that is not here is that of no owner. A cleanup takes the node from the run that it closes.
own() {
  owner=
  [ ! -f "$home/current" ] || read -r owner <"$home/current"
  [ ! -d "$home/current" ] || set_aside "$home/current" || return 1
  case ${1:-}:$owner in
    *:"$name") return 0 ;;
    :"$succeeded") ;;
    *: | take:.* | take:*[!A-Za-z0-9._-]*) ;;
    *)
      owner=$(printf %s "$owner" | oneline)
      [ -n "${1:-}" ] && [ ! -e "$home/$owner/program.sh" ] ||
        because "run $owner owns this node; look with: sh $home/$owner/program.sh status" || return 1
      ;;
  esac
  write_whole "$home/current" "$name"
}
