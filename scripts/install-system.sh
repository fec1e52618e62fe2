#!/usr/bin/env sh
# Installs what iotcap needs from the system, and says what it does.
#
#   install-system.sh build    libpcap's development files and a C compiler: enough to build and run
#   install-system.sh peers    the real programs that tests hold iotcap against (tshark, mosquitto, Chromium, …)
#
# Nothing is installed where everything is there already.
set -eu

main() {
  case "${1:-}" in
    build) need_build || install_build ;;
    peers) need_peers || install_peers ;;
    *) echo "usage: $0 build|peers" >&2; exit 2 ;;
  esac
}

# A link name (libpcap.so) is all that the linker asks for; pkg-config knows it where it is installed elsewhere.
need_build() {
  have cc && { pkg-config --exists libpcap 2>/dev/null || library libpcap.so || library libpcap.dylib || macos_sdk; }
}

need_peers() {
  have tshark && have capinfos && have tcpdump && have mosquitto && have mosquitto_pub && have openssl && have ip &&
    have xmllint && have npm && have chromium && have chromedriver && have curl && have prometheus && have promtool &&
    have tcpreplay && have zsh && have fish && have sudo && have java &&
    { have lintian || ! have dpkg; } && { have valgrind || [ "$(uname)" = Darwin ]; }
}

install_build() {
  case "$(package_manager)" in
    apt-get) apt_get libpcap-dev gcc ;;
    dnf) as_root dnf install -y libpcap-devel gcc ;;
    pacman) as_root pacman -S --needed --noconfirm libpcap gcc ;;
    brew) say libpcap; brew install libpcap ;;
    *) give_up "libpcap's development files and a C compiler" ;;
  esac
}

install_peers() {
  case "$(package_manager)" in
    apt-get)
      apt_get tshark tcpdump mosquitto mosquitto-clients openssl iproute2 python3-venv libxml2-utils \
        chromium chromium-driver curl prometheus tcpreplay valgrind zsh fish sudo openjdk-17-jre-headless lintian systemd
      # Node.js from elsewhere brings an npm of its own, which Debian's would not stand beside.
      have npm || apt_get nodejs npm
      ;;
    dnf) as_root dnf install -y wireshark-cli tcpdump mosquitto openssl iproute libxml2 nodejs-npm chromium chromedriver curl tcpreplay valgrind zsh fish sudo java-21-openjdk-headless ;;
    pacman) as_root pacman -S --needed --noconfirm wireshark-cli tcpdump mosquitto openssl iproute2 libxml2 npm chromium curl prometheus tcpreplay valgrind zsh fish sudo jre17-openjdk-headless ;;
    brew) say wireshark mosquitto; brew install wireshark mosquitto node ;;
    *) give_up "tshark, tcpdump, mosquitto, openssl and Chromium" ;;
  esac
}

apt_get() {
  say "$@"
  as_root apt-get update -qq
  # Wireshark's package asks whether everybody may capture; the tests do not need that.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

package_manager() {
  for manager in apt-get dnf pacman brew; do
    if have "$manager"; then echo "$manager"; return; fi
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
library() { ls /usr/lib/"$1" /usr/lib64/"$1" /usr/lib/*/"$1" /usr/local/lib/"$1" >/dev/null 2>&1; }
macos_sdk() { [ "$(uname)" = Darwin ] && xcrun --show-sdk-path >/dev/null 2>&1; }
say() { echo "installing from the system's packages: $*" >&2; }
give_up() { echo "please install $1: no apt-get, dnf, pacman or brew was found" >&2; exit 1; }

main "$@"
