# sed -i, sort -o, patch-like edits with ed-style tools, and shell redirection, appending and truncating.
set -euo pipefail
what=$1 base=$2
here=$(cd "$(dirname "$0")" && pwd)
cd "$base"

if [ "$what" = save ]; then
  cp "$here/../data/iris.csv" iris.csv
  sed -i 's/setosa/SETOSA/' iris.csv
  sed -i.bak 's/virginica/VIRGINICA/' iris.csv
  sed -i '1d' iris.csv
  sort -o iris.csv iris.csv
  for i in $(seq 500); do echo "line $i" >> log.txt; done
  : > empty.txt
  echo first > over.txt; echo second > over.txt
  perl -i -pe 's/line 5/LINE 5/' log.txt
  dd if=/dev/zero of=patched.bin bs=4096 count=50 status=none
  printf PATCH | dd of=patched.bin bs=1 seek=100000 conv=notrunc status=none
  cp --sparse=always patched.bin holes.bin
  cp -a iris.csv copy.csv && mv copy.csv moved.csv
  split -n 4 log.txt part- && cat part-* > joined.txt
fi

[ "$(wc -l < iris.csv)" = 150 ] && [ "$(grep -c SETOSA iris.csv)" = 50 ] && [ "$(grep -c VIRGINICA iris.csv)" = 50 ]
[ "$(grep -c VIRGINICA iris.csv.bak || true)" = 0 ] && [ "$(grep -c setosa iris.csv.bak || true)" = 0 ]
[ "$(cat over.txt)" = second ] && [ ! -s empty.txt ]
[ "$(wc -l < log.txt)" = 500 ] && [ "$(grep -c 'LINE 5' log.txt)" = 12 ]
cmp log.txt joined.txt && cmp iris.csv moved.csv && cmp patched.bin holes.bin
[ "$(dd if=patched.bin bs=1 skip=100000 count=5 status=none)" = PATCH ]
