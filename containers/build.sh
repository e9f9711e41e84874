#!/usr/bin/env bash
# Build the images with docker, podman or buildah, whichever is there.
# usage: containers/build.sh [pybmfm|align]...    (both by default)
# environment: REGISTRY (name prefix, default as in nextflow.config), BASE_IMAGE, TORCH_INDEX,
#   ENGINE (docker, podman or buildah), BUILD_ARGS (further options of the engine's build command)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
[ $# -gt 0 ] || set -- pybmfm align

engine=${ENGINE:-}
for candidate in docker podman buildah; do
  [ -n "$engine" ] || ! command -v "$candidate" >/dev/null || engine=$candidate
done
[ -n "$engine" ] || { echo "Error: docker, podman or buildah is needed on PATH." >&2; exit 2; }

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' pybmfm/__init__.py)
registry=${REGISTRY:-$(sed -n "s/^ *registry *= *'\(.*\)'.*/\1/p" nextflow.config)}
digest=$(find pybmfm containers requirements.lock -type f -not -path '*/__pycache__/*' -print0 \
  | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16)

for image in "$@"; do
  arguments=(--file "containers/$image/Containerfile" --tag "$registry/$image:$version"
    --build-arg "VERSION=$version" --build-arg "SOURCE_DIGEST=$digest")
  [ -z "${BASE_IMAGE:-}" ] || arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
  [ -z "${TORCH_INDEX:-}" ] || [ "$image" != pybmfm ] || arguments+=(--build-arg "TORCH_INDEX=$TORCH_INDEX")
  # shellcheck disable=SC2086  # BUILD_ARGS holds several words on purpose
  "$engine" build "${arguments[@]}" ${BUILD_ARGS:-} .
  echo "built $registry/$image:$version"
done
