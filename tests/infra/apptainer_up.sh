#!/usr/bin/env bash
# Apptainer, also under the name singularity, in DIR/bin.
# usage: apptainer_up.sh DIR; PATH=DIR/bin:$PATH
# Debian 12 has no apptainer: the one of sid is unpacked with the C library that it was built for.
set -euo pipefail
folder=$(realpath -m "$1")
mkdir -p "$folder"
[ ! -x "$folder/bin/apptainer" ] || exit 0
# shellcheck source=tests/infra/debian.sh
. "$(dirname "$0")/debian.sh"
install_packages "$folder/apt.log" patchelf squashfs-tools uidmap fakeroot

# An apt of its own, so that nothing of sid reaches the machine.
apt=$folder/apt
rm -rf "$apt" "$folder/root" "$folder/libc"
mkdir -p "$apt"/lists/partial "$apt"/archives/partial "$apt"/packages
: >"$apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) sid main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<SETTINGS
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Acquire::Languages "none";
APT::Sandbox::User "root";
SETTINGS
(
  export APT_CONFIG=$apt/apt.conf
  apt-get update -qq
  cd "$apt/packages"
  apt-get download -qq apptainer libc6
) >>"$folder/apt.log" 2>&1 || { echo "skip: cannot fetch apptainer, see $folder/apt.log" >&2; exit 77; }
dpkg -x "$apt"/packages/libc6_*.deb "$folder/libc"
dpkg -x "$apt"/packages/apptainer_*.deb "$folder/root"
rm -rf "$apt"

libc=$folder/libc/usr/lib/x86_64-linux-gnu
usr=$folder/root/usr
for program in "$usr/bin/apptainer" "$usr/lib/x86_64-linux-gnu/apptainer/bin/starter"; do
  patchelf --force-rpath --set-interpreter "$libc/ld-linux-x86-64.so.2" \
    --set-rpath "$libc:/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu" "$program"
done
# It finds its settings relative to where it lies. root is to be like anybody else inside.
cp -a "$folder/root/etc" "$usr/"
ln -sfn ../etc "$usr/lib/etc"
mkdir -p "$usr/var/lib/apptainer/mnt/session" "$usr/lib/var/lib/apptainer/mnt/session"
sed -i 's/^root default capabilities = full/root default capabilities = no/' "$usr/etc/apptainer/apptainer.conf"
ln -sfn apptainer "$usr/bin/singularity"
ln -sfn root/usr/bin "$folder/bin"
