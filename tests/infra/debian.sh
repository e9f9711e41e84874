# Sourced by the *_up.sh scripts: what they share. They need root on Debian 12 (bookworm).

[ "$(id -u)" = 0 ] || { echo "skip: root is needed to set this up" >&2; exit 77; }
# shellcheck source=/dev/null
. /etc/os-release
[ "$ID/${VERSION_CODENAME:-}" = debian/bookworm ] || { echo "skip: made for Debian 12" >&2; exit 77; }

# Install packages quietly; what they say lies in LOG.
install_packages() { # LOG PACKAGE...
  local log=$1
  shift
  dpkg-query --show "$@" >/dev/null 2>&1 && return
  {
    apt-get -o DPkg::Lock::Timeout=300 update -qq || true # an unrelated source may be out of reach
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -qq -y \
      --no-install-recommends "$@"
  } >"$log" 2>&1 || { echo "skip: cannot install $*, see $log" >&2; exit 77; }
}

# Address of the Debian archive that this machine is set to use.
debian_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
    | sed -n 's/^[^#]*\(https\{0,1\}:[^ ]*\/debian\)\/\{0,1\}\( .*\)\{0,1\}$/\1/p' | head -n 1
}
