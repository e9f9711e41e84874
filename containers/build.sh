#!/usr/bin/env bash
# Build the images with docker, podman or buildah, whichever is there, and say how large they are.
# usage: containers/build.sh [--sif DIR] [pybmfm|align]...    (both by default)
#        containers/build.sh --inputs pybmfm|align            (print the digest of what an image is built from)
#   --sif DIR  also make DIR/REGISTRY-IMAGE-VERSION.img with apptainer or singularity, the name under which
#              Nextflow looks for it: export NXF_APPTAINER_CACHEDIR=DIR (or NXF_SINGULARITY_CACHEDIR)
# environment: REGISTRY (name prefix, default as in nextflow.config), BASE_IMAGE, TORCH_INDEX (not tried),
#   ENGINE (docker, podman or buildah), BUILD_ARGS (further options of the engine's build command)
# Python packages have the versions of requirements.lock. Debian's are those of the day: give BASE_IMAGE by its
# digest, with a snapshot of the archive in its sources, where an image must be the same later.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

# Digest over all that decides what an image holds, documents apart. Tests build again where it differs.
inputs_digest() { # IMAGE
  (
    cd "$root"
    parts=("containers/$1")
    [ "$1" != pybmfm ] || parts+=(bin pybmfm pyproject.toml requirements.lock)
    find "${parts[@]}" -type f -not -path '*/__pycache__/*' | LC_ALL=C sort | xargs -d '\n' sha256sum
  ) | sha256sum | cut -c 1-16
}
if [ "${1:-}" = --inputs ]; then
  inputs_digest "${2:?--inputs needs an image}"
  exit
fi

sif=
if [ "${1:-}" = --sif ]; then
  sif=$(realpath -m "${2:?--sif needs a folder}")
  shift 2
fi
cd "$root"
[ $# -gt 0 ] || set -- pybmfm align

first_of() { # COMMAND...
  local command
  for command in "$@"; do
    type -P "$command" >/dev/null && { echo "$command"; return; }
  done
  echo "Error: one of these is needed on PATH: $*." >&2
  exit 2
}
engine=${ENGINE:-$(first_of docker podman buildah)}

# The digest that main.nf and every manifest give: over the package's Python files, in path order.
source_digest() {
  (
    cd pybmfm
    find . -name '*.py' | sed 's|^\./||' | LC_ALL=C sort | while read -r file; do
      printf '%s\0' "$file"
      cat "$file"
      printf '\0'
    done
  ) | sha256sum | cut -c 1-16
}

size_of() { # IMAGE
  case $engine in
    buildah) buildah images --json "$1" | sed -n 's/.*"size": "\(.*\)".*/\1/p' ;;
    *) "$engine" image inspect --format '{{.Size}}' "$1" | numfmt --to=si --suffix=B ;;
  esac
}

make_sif() { # IMAGE
  local builder folder archive target=$sif/${1//[\/:]/-}.img
  builder=$(first_of apptainer singularity)
  folder=$(mktemp --directory "${TMPDIR:-/var/tmp}/image.XXXXXX")
  archive=$folder/archive.tar
  mkdir -p "$sif"
  # shellcheck disable=SC2064  # what they are now
  trap "rm -rf '$folder' '$target.part'" EXIT
  case $engine in
    docker) docker save --output "$archive" "$1" ;;
    podman) podman save --quiet --format docker-archive --output "$archive" "$1" ;;
    buildah) buildah push --quiet "$1" "docker-archive:$archive:$1" ;;
  esac
  # A cache would keep the layers of an archive that is gone. lz4 is a little larger than the default and several
  # times faster to make and to read.
  "$builder" --quiet build --force --disable-cache --mksquashfs-args '-comp lz4' "$target.part" \
    "docker-archive:$archive"
  mv "$target.part" "$target"
  rm -rf "$folder"
  echo "made $target, $(stat --format %s "$target" | numfmt --to=si --suffix=B)"
}

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' pybmfm/__init__.py)
registry=${REGISTRY:-$(sed -n "s/^ *registry *= *'\(.*\)'.*/\1/p" nextflow.config)}
digest=$(source_digest)

for image in "$@"; do
  name=$registry/$image:$version
  arguments=(--file "containers/$image/Containerfile" --tag "$name"
    --build-arg "VERSION=$version" --build-arg "SOURCE_DIGEST=$digest"
    --build-arg "INPUTS=$(inputs_digest "$image")")
  [ -z "${BASE_IMAGE:-}" ] || arguments+=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
  [ -z "${TORCH_INDEX:-}" ] || [ "$image" != pybmfm ] || arguments+=(--build-arg "TORCH_INDEX=$TORCH_INDEX")
  # shellcheck disable=SC2086  # BUILD_ARGS holds several words on purpose
  "$engine" build "${arguments[@]}" ${BUILD_ARGS:-} .
  echo "built $name, $(size_of "$name")"
  [ -z "$sif" ] || make_sif "$name"
done
