# rsync -aHAX with hard links, symbolic links, attributes and times; a second run has nothing to do.
set -euo pipefail
what=$1 base=$2
src=$(mktemp -d)
trap 'rm -rf "$src"' EXIT

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$src"/{raw,derived/deep/er}
cp "$here"/../data/*.csv "$src/raw/"
seq 200000 > "$src/derived/big.txt"
for i in $(seq 100); do echo "$i" > "$src/derived/deep/$i.txt"; done
ln "$src/derived/big.txt" "$src/derived/deep/er/same.txt"
ln "$src/raw/iris.csv" "$src/iris-again.csv"
ln -s ../raw/iris.csv "$src/derived/link"
ln -s nowhere "$src/derived/dangling"
mkfifo "$src/pipe"
chmod 640 "$src/raw/mtcars.csv"
chmod 2750 "$src/derived"
truncate -s 3M "$src/derived/sparse"
setfattr -n user.instrument -v 'MEG, room 3' "$src/raw/iris.csv"
setfattr -n user.xdg.tags -v 'flowers,classic' "$src/raw/iris.csv"
setfattr -n user.note -v 'a directory' "$src/derived/deep"
find "$src" -exec touch -h -d '2021-05-06 07:08:09.123456789' {} +

sync() { rsync -aHAX --numeric-ids "$@" "$src/" "$base/copy/"; }
if [ "$what" = save ]; then
  sync
  echo changed >> "$src/derived/deep/7.txt"
  rm "$src/derived/deep/8.txt"
  sync --delete
  seq 200000 | sed 5000d > "$src/derived/big.txt"
  touch -d '2021-05-06 07:08:10' "$src/derived/big.txt"
  sync --inplace --no-whole-file
else
  echo changed >> "$src/derived/deep/7.txt"
  rm "$src/derived/deep/8.txt"
  seq 200000 | sed 5000d > "$src/derived/big.txt"
  touch -d '2021-05-06 07:08:10' "$src/derived/big.txt"
  touch -r "$base/copy/derived/deep/7.txt" "$src/derived/deep/7.txt"
  touch -d '2021-05-06 07:08:09.123456789' "$src/derived/deep"
fi
touch -r "$base/copy/derived/deep" "$src/derived/deep"
left=$(sync --itemize-changes --delete)
[ -z "$left" ] || { echo "a second run would transfer: $left"; exit 1; }
left=$(sync --itemize-changes --delete --checksum)
[ -z "$left" ] || { echo "by checksum a second run would transfer: $left"; exit 1; }
[ "$(stat -c %h "$base/copy/derived/big.txt")" = 2 ]
[ "$base/copy/derived/big.txt" -ef "$base/copy/derived/deep/er/same.txt" ]
[ "$(getfattr -n user.instrument --only-values --absolute-names "$base/copy/raw/iris.csv")" = 'MEG, room 3' ]
