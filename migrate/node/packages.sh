# Packages through the manager that owns this node: apt, dnf, yum or zypper. NAME=VERSION as the plan has it: the full
# version as the manager prints it (epoch unless 0), an architecture only where it is a foreign one (libc6:i386,
# glibc.i686).

busy_seconds=120
busy_says='Could not get lock|Unable to acquire the dpkg|was locked by another process|already locked by'
busy_says="$busy_says|currently holding the yum lock|is locked by the application|create transaction lock"
error_says='^(E: |[Ee]rror|No match|No package|All matches|The following packages have unmet)'
error_says="$error_says|type=\"error\"|>Problem: |already locked"

apt_words='-q --no-install-recommends -o APT::Install-Suggests=false'
dnf_words='--setopt=exit_on_lock=True --setopt=strict=True --setopt=install_weak_deps=False'
zypper_words='--no-recommends --no-force-resolution'

# packages_there MANAGER NAME=VERSION...: all of them are installed whole, at exactly these versions.
packages_there() {
  manager=$1
  shift
  for planned in "$@"; do
    package=${planned%=*} version=${planned##*=}
    case $manager in
      apt) listed=$(dpkg_says "$package") ;;
      *) listed=$(rpm_says "$package") ;;
    esac
    case $newline$listed$newline in
      *"${newline}ii $version$newline"* | *"${newline}hi $version$newline"*) ;;
      *)
        because "$package is not installed at $version as planned; its manager says: $(printf %s "$listed" | oneline)"
        return 1
        ;;
    esac
  done
}

# dpkg_says, rpm_says PACKAGE: `ii VERSION` where it is installed whole.
dpkg_says() { dpkg-query -W -f '${db:Status-Abbrev} ${Version}\n' "$1" 2>&1 9>&- | tr -s ' '; }

rpm_says() { rpm -q --qf 'ii %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\n' "$1" 2>&1 9>&- | sed 's/^ii 0:/ii /'; }

# packages_as_planned MANAGER NAME=VERSION...: what the manager would do now to have these is nothing but these: no
# removal, no downgrade, no other package. Their flags promise less: apt's --no-remove nothing about other packages,
# dnf removes what is obsoleted, and all of them upgrade what a new package needs.
packages_as_planned() {
  manager=$1
  shift
  name_packages "$@"
  # shellcheck disable=SC2086 # words
  case $manager in
    apt) set -- "$*" apt-get -s $apt_words install -- $packages ;;
    dnf) set -- "$*" dnf --color=never --assumeno $dnf_words install -- $packages ;;
    yum) set -- "$*" yum --color=never --assumeno --setopt=exit_on_lock=True install -- $packages ;;
    zypper)
      set -- "$*" zypper --xmlout --non-interactive --no-refresh install --dry-run $zypper_words -- $packages
      ;;
    *) because "$manager is no package manager that this program knows" || return 1 ;;
  esac
  all_planned=" $1 "
  shift
  # a simulation says no at its end, whatever its exit code: it is judged by what it printed
  until_free "$@"
  actions=$(actions_of "$manager" <"$run/install.out")
  case $newline$actions$newline in
    *"${newline}end$newline"*) ;;
    *) because "$manager cannot install what was planned: $(package_errors)" || return 1 ;;
  esac
  while read -r action package; do
    case $action in
      end) ;;
      install)
        case $all_planned in
          *" $package "*) ;;
          *)
            because "$manager would install $package, which the plan does not have; make a new plan"
            return 1
            ;;
        esac
        ;;
      *)
        because "$manager would $action $package, which the plan does not have; make a new plan"
        return 1
        ;;
    esac
  done <<END
$actions
END
}

# name_packages NAME=VERSION...: $packages, as the manager takes them. yum 3 knows an epoch only with an architecture.
name_packages() {
  packages=
  for planned in "$@"; do
    package=${planned%=*} version=${planned##*=} arch=
    case $manager in
      dnf | yum)
        case $package in *.i[3456]86) arch=.${package##*.} package=${package%.*} ;; esac
        [ "$manager" = dnf ] || version=${version#*:}
        packages="$packages $package-$version$arch"
        ;;
      *) packages="$packages $planned" ;;
    esac
  done
}

# until_free COMMAND...: its output goes to RUN/install.out; again while another program holds the packages.
until_free() {
  deadline=$(($(date +%s) + busy_seconds))
  while :; do
    "$@" >"$run/install.out" 2>&1 </dev/null 9>&-
    code=$?
    [ $code -ne 0 ] && grep -qE "$busy_says" "$run/install.out" && [ "$(date +%s)" -lt $deadline ] || return $code
    sleep 2
  done
}

# actions_of MANAGER: a simulation's output as lines `install NAME=VERSION`, `remove NAME`, `downgrade NAME`,
# `unhold NAME`, and `end` where it is whole; nothing where it is not.
actions_of() {
  case $1 in
    apt) apt_actions ;;
    zypper) zypper_actions ;;
    *) rpm_actions ;;
  esac
}

apt_actions() {
  sed -n -E \
    -e 's/^(Inst|Conf) ([^ ]*) (\[[^]]*\] )?\(([^ ]*) .*/install \2=\4/p' \
    -e 's/^(Remv|Purg) ([^ ]*).*/remove \2/p' \
    -e '/^The following packages will be DOWNGRADED:/,/^[^ T]/s/^  /downgrade /p' \
    -e '/^The following held packages will be changed:/,/^[^ T]/s/^  /unhold /p' \
    -e 's/^[0-9]+ upgraded, .*/end/p'
}

# zypper_actions: a tag a line, as zypper prints them.
zypper_actions() {
  sed -n -E \
    -e '/^<to-remove>/,/^<\/to-remove>/s/^<solvable type="package" name="([^"]*)".*/remove \1/p' \
    -e '/^<to-downgrade/,/^<\/to-downgrade/s/^<solvable type="package" name="([^"]*)".*/downgrade \1/p' \
    -e 's/^<solvable type="package" name="([^"]*)" edition="([^"]*)" arch="(i[3456]86)".*/install \1.\3=\2/p' \
    -e 's/^<solvable type="package" name="([^"]*)" edition="([^"]*)".*/install \1=\2/p' \
    -e 's/^<\/install-summary>.*/end/p'
}

# rpm_actions: the table of dnf and yum. A row that is too long continues in the next line, and its sum tells whether
# all rows were understood.
rpm_actions() {
  rows=0 total=0 section="" row="" table=""
  while IFS= read -r line; do
    case $line in
      '     replacing  '*)
        rpm_row
        line=${line#'     replacing  '}
        line=${line%% *}
        echo "remove ${line%.*}"
        ;;
      '  '*) row="$row $line" ;;
      ' '*)
        rpm_row
        row=$line
        ;;
      *)
        rpm_row
        case $line in
          'Transaction Summary') table=yes ;;
          'Nothing to do'*) echo end ;;
          'No match for argument'* | 'No package '*' available'*) return 0 ;;
          Install\ *[0-9]*\ Package* | Upgrade\ *[0-9]*\ *ackage* | Reinstall\ *[0-9]*\ Package* | \
            Downgrade\ *[0-9]*\ Package* | Remove\ *[0-9]*\ *ackage*)
            for each_word in $(printf %s "$line" | tr -c '0-9' ' '); do total=$((total + each_word)); done
            ;;
          *:) section=${line%:} ;;
          *) section= ;;
        esac
        ;;
    esac
  done
  [ -z "$table" ] || [ $rows -ne $total ] || echo end
}

# rpm_row: the action of $row in $section.
rpm_row() {
  [ -n "$row" ] || return 0
  # shellcheck disable=SC2086 # columns
  set -- $row
  row=
  case $section in
    'Installing '*'streams' | 'Installing '*'rofiles' | 'Installing '*'Groups' | 'Removing '*'Groups') return 0 ;;
    Install* | Upgrad* | Updat* | Reinstall*) doing=install ;;
    Remov*) doing=remove ;;
    Downgrad*) doing=downgrade ;;
    *) return 0 ;;
  esac
  [ $# -ge 5 ] || return 0
  rows=$((rows + 1))
  case $2 in i[3456]86) set -- "$1.$2" "$2" "$3" ;; esac
  case $doing in
    install) echo "install $1=$3" ;;
    *) echo "$doing $1" ;;
  esac
}

# package_errors: what went wrong, in the manager's own words. dpkg and rpm say that a script failed, the line before
# it says why.
package_errors() {
  errors=$(grep -B 1 -E '^dpkg: error|scriptlet failed' "$run/install.out")
  [ -n "$errors" ] || errors=$(sed -n -E "/$error_says/,\$p" "$run/install.out")
  [ -n "$errors" ] || errors=$(tail -n 4 "$run/install.out")
  errors=$(
    printf '%s\n' "$errors" | grep -vE '^--$|^\(try to add|^ You could try|Solution|<option|<text>' |
      sed "s/<[^>]*>//g; s/&gt;/>/g; s/&lt;/</g; s/&apos;/'/g"
  )
  printf %s "$errors" | oneline
}

# packages_install MANAGER CNI_DIR NAME=VERSION...: exactly these and nothing else, as packages_as_planned says. Files
# of configuration that were changed stay (rpm: those that are packaged so). With apt nothing lands in CNI_DIR; rpm has
# no such word, the caller looks.
packages_install() {
  manager=$1 cni=$2
  shift 2
  [ "$manager" != apt ] || dpkg_whole "$cni" || return 1
  packages_as_planned "$manager" "$@" || return 1
  # shellcheck disable=SC2086 # words
  case $manager in
    apt)
      until_free quietly apt-get -y $apt_words --no-remove \
        -o "DPkg::Lock::Timeout=$busy_seconds" -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef \
        -o Dpkg::Options::=--force-confold -o "Dpkg::Options::=--path-exclude=$cni/*" install -- $packages
      ;;
    dnf) until_free quietly dnf -y --color=never $dnf_words install -- $packages ;;
    yum) until_free quietly yum -y --color=never --setopt=exit_on_lock=True install -- $packages ;;
    zypper) until_free quietly zypper --non-interactive --no-refresh install $zypper_words -- $packages ;;
  esac
  code=$?
  # rpm's scripts may fail without harm to the packages, as one does that may not restart something: dnf exits with 0
  # then, zypper with 107
  if [ "$manager" != apt ] && grep -q 'scriptlet failed' "$run/install.out"; then
    note "a script of a package failed: $(package_errors)"
  fi
  # zypper, done: 102 and 103 something should be restarted, 106 a repository was left out
  case $manager:$code in zypper:10[2367]) code=0 ;; esac
  if [ $code -eq 0 ]; then
    [ "$manager" != apt ] || left_out "$cni" "$@"
    return 0
  fi
  left=
  if [ "$manager" = apt ] && [ -n "$(half_done)" ]; then
    left="; packages are left half configured, and their scripts would run with the next installation:"
    left="$left apt-get remove, or dpkg --configure -a"
  fi
  because "$manager exited with $code: $(package_errors)$left; all of it: cat $run/install.out"
}

# left_out CNI_DIR NAME=VERSION...: dpkg remembers nothing of what it was told to leave out.
left_out() {
  packages=
  for planned in "$@"; do
    [ "$planned" = "$1" ] || packages="$packages ${planned%=*}"
  done
  # shellcheck disable=SC2086 # words
  skipped=$(dpkg-query -L $packages 2>/dev/null 9>&- | grep "^$1/[^/]*$" | oneline)
  [ -z "$skipped" ] ||
    note "left out: ${skipped% }; the next version of its package lays it there:" \
      "dpkg-divert --no-rename --divert FILE.packaged FILE, or hold the package"
}

# quietly COMMAND...: nothing asks, and nothing looks for services to restart; what packages make is not as private as
# this program's own files.
quietly() (
  umask 022
  exec env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l APT_LISTCHANGES_FRONTEND=none \
    UCF_FORCE_CONFFOLD=1 ZYPP_LOCK_TIMEOUT="$busy_seconds" "$@"
)

# dpkg_whole CNI_DIR: dpkg has nothing half done. What this run's own installation left so is finished; what was so
# before it is not ours.
dpkg_whole() {
  until_true "$busy_seconds" dpkg_free ||
    because "another program holds dpkg's database for $busy_seconds s; look with: fuser -v /var/lib/dpkg/lock" ||
    return 1
  half=$(half_done)
  [ -n "$half" ] || return 0
  if [ ! -e "$run/installing" ]; then
    because "an earlier installation on this node is unfinished: $(printf %s "$half" | oneline);" \
      "finish it, then begin again: dpkg --configure -a"
    return 1
  fi
  until_free quietly dpkg --force-confdef --force-confold "--path-exclude=$1/*" --configure -a ||
    because "dpkg --configure -a exited with $?: $(package_errors)"
}

half_done() {
  dpkg --audit 2>&1 9>&-
  for update in "$root"/var/lib/dpkg/updates/[0-9]*; do
    [ ! -e "$update" ] || echo "/var/lib/dpkg/updates is not empty"
  done
}

# dpkg_free: no process holds its lock; the kernel knows locks by inode.
dpkg_free() {
  inode=$(stat -c %i "$root/var/lib/dpkg/lock" 2>/dev/null) || return 0
  ! grep -q ":$inode " /proc/locks
}
