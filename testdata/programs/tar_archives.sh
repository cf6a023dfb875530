# tar: pack and unpack within the drive, with and without attributes; everything comes out as it went in.
set -euo pipefail
what=$1 base=$2
here=$(cd "$(dirname "$0")" && pwd)
cd "$base"

if [ "$what" = save ]; then
  mkdir -p tree/a/b out
  cp "$here"/../data/*.csv tree/
  for i in $(seq 150); do seq "$i" > "tree/a/$i.txt"; done
  ln tree/a/1.txt tree/a/b/one.txt
  ln -s ../iris.csv tree/a/iris
  truncate -s 2M tree/sparse; printf x >> tree/sparse
  chmod 600 tree/iris.csv
  setfattr -n user.subject -v sub-01 tree/iris.csv
  find tree -exec touch -h -d '2020-01-02 03:04:05.6789' {} +
  opt=(--sort=name --mtime=2020-01-02 --owner=$(id -u) --group=$(id -g) --numeric-owner)
  tar "${opt[@]}" -cf - tree | gzip -n > plain.tar.gz
  tar "${opt[@]}" --xattrs --xattrs-include='user.*' --pax-option=delete=atime,delete=ctime,exthdr.name=%d/%f -cf attrs.tar tree
  tar xzf plain.tar.gz -C out
  mkdir out/sparse && tar --format=gnu --sparse -cf - tree/sparse | tar xf - -C out/sparse
  mkdir out/attrs && tar --xattrs --xattrs-include='user.*' -xf attrs.tar -C out/attrs
fi

tar dzf plain.tar.gz -C out
diff -r --no-dereference tree out/tree
cmp tree/sparse out/sparse/tree/sparse
diff -r --no-dereference tree out/attrs/tree
[ "$(getfattr -n user.subject --only-values out/attrs/tree/iris.csv)" = sub-01 ]
[ out/tree/a/1.txt -ef out/tree/a/b/one.txt ]
[ "$(stat -c %a out/attrs/tree/iris.csv)" = 600 ]
