#!/usr/bin/env bash
# Sets up and mounts a drive with the defaults: mount.sh [REPO [MNT]].
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repo=${1:-research-repo}
mnt=${2:-research}

if ! command -v go >/dev/null; then
	echo "mount.sh: Go is missing: see https://go.dev/doc/install" >&2
	exit 1
fi
# root mounts by itself; others need the helper
command -v fusermount3 >/dev/null || "$top/scripts/deps.sh" fuse3
if [ ! -e /dev/fuse ]; then
	echo "mount.sh: there is no /dev/fuse: load the module (modprobe fuse), or give the container the device" >&2
	exit 1
fi

make --no-print-directory -C "$top" build
rdfs=$top/bin/rdfs
"$rdfs" mount "$repo" "$mnt"

cat <<TRY

Three things to try:
  echo "mouse 1: 12.5 g" > $mnt/weights.txt      save with any program: every save is a version
  $rdfs log $mnt/weights.txt                     see the versions; they are files in $mnt/.versions/weights.txt/
  $rdfs restore $mnt/weights.txt --version 1     bring one back

To unmount: $rdfs umount $mnt
TRY
