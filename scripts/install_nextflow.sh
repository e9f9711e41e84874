#!/usr/bin/env bash
# Puts an executable `nextflow` into .venv/bin: the one on PATH where it is new enough, linked,
# or the pinned one, which Maven brings into .cache/nextflow.
# usage: scripts/install_nextflow.sh
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target="$root/.venv/bin/nextflow"
cache="$root/.cache/nextflow"
oldest=25.04.0

fail() { echo "Error: $*" >&2; exit 2; }

# The user's own Nextflow always wins; .venv/bin itself is left out of the search.
path_without_venv=$(tr ':' '\n' <<<"$PATH" | grep -vxF "$root/.venv/bin" | paste -sd: -)
if own=$(PATH=$path_without_venv type -P nextflow); then
  version=$("$own" -version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1 || true)
  if [ -n "$version" ] && [ "$(printf '%s\n' "$oldest" "$version" | sort -V | head -n 1)" = "$oldest" ]; then
    ln -sfn "$own" "$target"
    echo "nextflow $version of $own is used"
    exit 0
  fi
  echo "nextflow of $own is older than $oldest (${version:-version unknown}): bringing our own"
fi

java_version=$(java -version 2>&1 | grep -oE '"[0-9]+' | head -n 1 | tr -d '"') || true
[ "${java_version:-0}" -ge 17 ] || fail "Java 17 or newer is needed (found: ${java_version:-none}); install openjdk-17-jre-headless."
if [ ! -d "$cache/lib" ]; then
  command -v mvn >/dev/null || fail "neither nextflow nor Maven is on PATH; install one of them (Debian: apt-get install maven)."
  mkdir -p "$cache"
  part=$(mktemp -d "$cache/lib.XXXXXX")
  trap 'rm -rf "$part"' EXIT
  mvn -q -B -f "$root/scripts/nextflow/pom.xml" dependency:copy-dependencies -DoutputDirectory="$part"
  chmod 755 "$part" # mktemp keeps others out, who may share this checkout
  mv "$part" "$cache/lib"
  trap - EXIT
fi

opens=()
for package in java.lang java.io java.nio java.net java.util java.util.concurrent.locks \
  java.util.concurrent.atomic java.nio.file.spi java.util.regex sun.nio.ch sun.nio.fs \
  sun.net.www.protocol.http sun.net.www.protocol.https sun.net.www.protocol.ftp \
  sun.net.www.protocol.file jdk.internal.misc jdk.internal.vm; do
  opens+=("--add-opens=java.base/$package=ALL-UNNAMED")
done
rm -f "$target"
cat >"$target" <<LAUNCHER
#!/bin/sh
# Made by scripts/install_nextflow.sh. Offline and without plugins unless the environment says otherwise.
export NXF_HOME="\${NXF_HOME:-$cache/home}"
export NXF_OFFLINE="\${NXF_OFFLINE:-true}"
export NXF_PLUGINS_ALLOWED="\${NXF_PLUGINS_ALLOWED-}"
exec "\${JAVA_CMD:-java}" ${opens[*]} -Dfile.encoding=UTF-8 -Djava.awt.headless=true \\
  -XX:TieredStopAtLevel=1 \${NXF_OPTS:-} -cp "$cache/lib/*" nextflow.cli.Launcher "\$@"
LAUNCHER
chmod +x "$target"
echo "nextflow 25.04.0 from Maven Central is used"
