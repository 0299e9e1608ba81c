# Images: from Docker's store into containerd's, one by one, streamed; there is no second copy on the disk.

# carried CANONICAL ID: the image is there under its name, complete and unpacked, with the same configuration (Docker's image ID).
carried() {
  manifest=$(ctr -n k8s.io images ls "name==$1" 2>/dev/null | sed -n 's/^[^ ]* *[^ ]* *\(sha256:[0-9a-f]*\).*/\1/p')
  [ -n "$manifest" ] || because "$1 is not in containerd" || return 1
  config=$(ctr -n k8s.io content get "$manifest" 2>/dev/null | tr -d ' \n\t' | sed -n 's/.*"config":{\([^}]*\)}.*/\1/p' | sed -n 's/.*"digest":"\([^"]*\)".*/\1/p')
  [ "$config" = "$2" ] || because "$1 in containerd has configuration ${config:-unknown}, expected $2" || return 1
  [ "$(ctr -n k8s.io images check -q "name==$1" 2>/dev/null)" = "$1" ] || because "$1 in containerd is not complete"
}

# carry INDEX REFERENCE CANONICAL ID SIZE: bytes that went over are told in RUN/images/INDEX, as dd prints them.
carry() {
  carried "$3" "$4" && return 0
  here=$(docker inspect --type image -f '{{.Id}}' "$2" 2>&1) || because "Docker has no image $2 any more: $(printf %s "$here" | oneline)" || return 1
  [ "$here" = "$4" ] || because "$2 is another image now: $here, planned was $4; make a new plan" || return 1
  change mkdir -p -- "$run/images" || return 1
  known=$(ctr -n k8s.io images ls -q "name==$3" 2>/dev/null)
  progress=noxfer
  ! dd if=/dev/null of=/dev/null status=progress 2>/dev/null || progress=progress
  rm -f -- "$run/images/$1.save"
  (
    { command docker save "$2" 2>"$run/images/$1.err" || echo $? >"$run/images/$1.save"; } |
      dd bs=1048576 status=$progress 2>"$run/images/$1" |
      command ctr -n k8s.io images import - >"$run/images/$1.out" 2>&1
  ) 9>&-
  rc=$?
  if [ $rc -eq 0 ] && [ ! -e "$run/images/$1.save" ] && carried "$3" "$4"; then return 0; fi
  [ $rc -eq 0 ] && [ ! -e "$run/images/$1.save" ] || reason=$(cat "$run/images/$1.err" "$run/images/$1.out" | tail -n 3 | oneline)
  case $reason in *'no space left'*) reason="the disk of $root/var/lib/containerd is full ($(df -P -h "$root/var/lib/containerd" | tail -n 1 | oneline))" ;; esac
  # what came over half goes again; what was there before stays
  [ -n "$known" ] || ctr -n k8s.io images rm --sync "$3" >/dev/null 2>&1
  because "image $2 was not carried over: $reason"
}
