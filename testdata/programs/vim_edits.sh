# vim: saves with its defaults, with a backup that is kept, and by renaming the original away (backupcopy=no).
set -euo pipefail
what=$1 base=$2
cd "$base"
edit() { # FILE FROM TO [SETTING]...
  local file=$1 from=$2 to=$3; shift 3
  local set=(-c "set backupskip="); for s in "$@"; do set+=(-c "set $s"); done
  vim -es -u NONE -i NONE "${set[@]}" -c "%s/$from/$to/" -c wq "$file" </dev/null
}

if [ "$what" = save ]; then
  for f in default renamed kept copied; do seq 1000 | sed 's/$/ alpha/' > $f.txt; chmod 640 $f.txt; done
  for f in default renamed kept copied; do
    case $f in
      default) o=() ;;
      renamed) o=(writebackup backupcopy=no) ;;
      kept) o=(backup backupcopy=no) ;;
      copied) o=(backup backupcopy=yes) ;;
    esac
    edit $f.txt alpha beta "${o[@]}"
    edit $f.txt beta gamma "${o[@]}"
    edit $f.txt gamma delta "${o[@]}"
  done
fi

for f in default renamed kept copied; do
  [ "$(grep -c delta $f.txt)" = 1000 ]
  [ "$(stat -c %a $f.txt)" = 640 ]
done
grep -q gamma kept.txt~ && grep -q gamma copied.txt~
[ "$(ls -A | wc -l)" = 6 ]
