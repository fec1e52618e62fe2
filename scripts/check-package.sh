#!/usr/bin/env sh
# Looks at a package for Debian as those do who get it: lintian, then installed, run as its unit runs it, removed and purged. All of
# it in a copy of this system that is thrown away. Needs root.
#
#   check-package.sh target/debian/iotcap_*.deb
set -eu

main() {
  case "${1:-}" in
    "") echo "usage: $0 FILE.deb" >&2; exit 2 ;;
    --copy) copy_of_the_system "$2" "$3" ;;
    --inside) in_the_copy ;;
    *)
      # It is not for Debian's own archive, where a first upload answers a wish.
      lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$1"
      as_root unshare --mount --net "$0" --copy "$(realpath "$1")" "$(realpath "$0")"
      ;;
  esac
}

# Writes go to memory; what is mounted here goes with this process.
copy_of_the_system() {
  copy=$(mktemp -d)
  mount -t tmpfs tmpfs "$copy"
  mkdir "$copy/written" "$copy/work" "$copy/system"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$copy/written,workdir=$copy/work" "$copy/system"
  mount -t proc proc "$copy/system/proc"
  mount --bind /dev "$copy/system/dev"
  cp "$1" "$copy/system/package.deb"
  cp "$2" "$copy/system/check.sh"
  ip link set lo up
  chroot "$copy/system" /bin/sh /check.sh --inside
  umount --recursive "$copy"
  rmdir "$copy"
}

in_the_copy() {
  # What other tests or people left of it is not what is looked at.
  dpkg --purge iotcap >/dev/null 2>&1 || true
  dpkg --install /package.deb >/dev/null
  step "installed" iotcap --version
  step "has its user" id iotcap
  step "its configuration is for its user" test "$(stat -c '%U:%G %a' /etc/iotcap)" = "root:iotcap 750"
  step "its unit is good" unit_is_good
  for page in iotcap iotcap-daemon; do step "has a manual: $page" test -s "/usr/share/man/man1/$page.1.gz"; done

  sed -i 's/^interfaces = .*/interfaces = ["lo"]/' /etc/iotcap/iotcap.toml
  step "its configuration is good" as_the_unit iotcap daemon --config /etc/iotcap/iotcap.toml --check-config
  # The unit's StateDirectory.
  install --directory --owner iotcap --group iotcap --mode 750 /var/lib/iotcap
  mkfifo /log
  exec_as_the_unit iotcap daemon --config /etc/iotcap/iotcap.toml 2>/log &
  daemon=$!
  trap 'kill "$daemon"' EXIT
  exec 3</log
  step "captures" grep --max-count 1 capturing <&3
  step "well" curl --silent --fail http://127.0.0.1:9464/healthz
  step "without root" grep "^Uid:	$(id -u iotcap)	$(id -u iotcap)" "/proc/$daemon/status"
  trap - EXIT
  kill "$daemon"
  step "ends when it is told to" wait "$daemon"
  step "its evidence is its own" test "$(stat -c %U /var/lib/iotcap/evidence)" = iotcap

  dpkg --install /package.deb >/dev/null 2>&1
  step "an upgrade keeps the configuration" grep '^interfaces = \["lo"\]' /etc/iotcap/iotcap.toml
  dpkg --remove iotcap >/dev/null
  step "removed" test ! -e /usr/bin/iotcap
  step "what is its user's stays" test -e /etc/iotcap/iotcap.toml -a -e /var/lib/iotcap/evidence
  dpkg --purge iotcap >/dev/null
  for path in /etc/iotcap /var/lib/iotcap /usr/share/doc/iotcap /usr/lib/systemd/system/iotcap.service; do
    step "purged: $path" test ! -e "$path"
  done
}

# It may complain of other units.
unit_is_good() {
  said=$(systemd-analyze verify --man=no /usr/lib/systemd/system/iotcap.service 2>&1) || return 1
  case "$said" in *iotcap*) echo "$said" >&2; return 1 ;; esac
}

# User, group and the one capability of packaging/iotcap.service.
exec_as_the_unit() {
  exec setpriv --reuid iotcap --regid iotcap --init-groups --no-new-privs \
    --bounding-set -all,+net_raw --inh-caps +net_raw --ambient-caps +net_raw -- "$@"
}

as_the_unit() { (exec_as_the_unit "$@"); }

step() {
  what=$1
  shift
  if "$@" >/dev/null; then echo "package: $what"; else echo "package: not $what" >&2; exit 1; fi
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

main "$@"
