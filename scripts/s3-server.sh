#!/usr/bin/env bash
# Builds the S3 server of the tests (MinIO) if it is not there, and prints where it
# is. The tests start and stop it themselves. The version is that of tools/s3/go.mod.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
version=$(sha256sum "$top/tools/s3/go.sum" | cut -c1-12)
dir=${RDFS_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/rdfs-tools}
bin=$dir/minio-$version
if [ ! -x "$bin" ]; then
	echo "building the S3 server of the tests (once, a few minutes): $bin" >&2
	mkdir -p "$dir"
	new=$(mktemp "$dir/.minio-XXXXXX")
	trap 'rm -f "$new"' EXIT
	(cd "$top/tools/s3" && CGO_ENABLED=0 nice go build -trimpath -ldflags '-s -w' -o "$new" github.com/minio/minio)
	chmod 0755 "$new"
	mv "$new" "$bin"
fi
echo "$bin"
