#!/usr/bin/env bash
# Podman with its own storage, a Docker API socket and a base image, all under DIR.
# usage: podman_up.sh DIR; source DIR/env.sh        (down.sh DIR stops it)
set -euo pipefail
folder=$(realpath -m "$1")
mkdir -p "$folder"
# shellcheck source=tests/infra/debian.sh
. "$(dirname "$0")/debian.sh"
install_packages "$folder/apt.log" podman buildah runc conmon netavark aardvark-dns catatonit iptables mmdebstrap

# Podman asks for higher limits than a machine like this may grant.
files=$(ulimit -H -n)
processes=$(ulimit -H -u)
most=$(cat /proc/sys/kernel/pid_max)
[ "$processes" != unlimited ] && [ "$processes" -le "$most" ] || processes=$most

# Whoever builds behind a proxy with a certificate of its own needs the host's certificates inside.
cat >"$folder/containers.conf" <<SETTINGS
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]
volumes = ["/etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro"]

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
SETTINGS
cat >"$folder/storage.conf" <<SETTINGS
[storage]
driver = "overlay"
graphroot = "$folder/storage"
runroot = "$folder/run"
SETTINGS
cat >"$folder/env.sh" <<SETTINGS
export CONTAINERS_CONF='$folder/containers.conf'
export CONTAINERS_STORAGE_CONF='$folder/storage.conf'
export DOCKER_HOST='unix://$folder/docker.sock'
export BASE_IMAGE=localhost/bookworm-min:1
SETTINGS
# shellcheck source=/dev/null
. "$folder/env.sh"

if ! podman image exists "$BASE_IMAGE"; then
  # No registry is asked: the base is made from the packages of the Debian archive.
  [ -f "$folder/base.tar" ] || mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --aptopt='Acquire::Check-Valid-Until "false"' bookworm "$folder/base.tar" \
    "deb $(debian_mirror) bookworm main" 2>"$folder/mmdebstrap.log" \
    || { echo "skip: cannot make a base image, see $folder/mmdebstrap.log" >&2; exit 77; }
  podman import --quiet "$folder/base.tar" "$BASE_IMAGE" \
    || { echo "skip: podman cannot keep images in $folder" >&2; exit 77; }
fi

if ! { [ -f "$folder/service.pid" ] && kill -0 "$(cat "$folder/service.pid")" 2>/dev/null; }; then
  rm -f "$folder/docker.sock"
  podman system service --time=0 "$DOCKER_HOST" >"$folder/service.log" 2>&1 </dev/null &
  echo $! >"$folder/service.pid"
fi
for _ in $(seq 100); do
  [ ! -S "$folder/docker.sock" ] || exit 0
  sleep 0.1
done
echo "skip: no Docker API socket, see $folder/service.log" >&2
exit 77
