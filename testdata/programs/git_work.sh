# git: init, some hundred files, commits, a clone within the drive, a push back, gc and fsck.
set -euo pipefail
what=$1 base=$2
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
export GIT_AUTHOR_DATE='2024-02-03T04:05:06Z' GIT_COMMITTER_DATE='2024-02-03T04:05:06Z'
cd "$base"

if [ "$what" = save ]; then
  git init -q -b main work
  cd work
  for i in $(seq 300); do
    mkdir -p "sub-$((i % 20))"
    seq "$i" $((i + 200)) > "sub-$((i % 20))/run-$i.txt"
  done
  git add . && git commit -qm first
  git clone -q . ../clone
  cd ../clone
  for i in $(seq 1 7 300); do echo changed >> "sub-$((i % 20))/run-$i.txt"; done
  git rm -qrf sub-3 && git mv sub-4 moved && git commit -qam second
  git push -q origin HEAD:feature
  cd ../work
  git merge -q feature
  git gc -q --prune=now
  git repack -adq
  git worktree add -q ../tree -b other HEAD~1
  [ -z "$(git status --porcelain)" ]
fi

cd "$base/work"
git fsck --strict --no-progress
[ -z "$(git --no-optional-locks status --porcelain)" ]
git --no-optional-locks -C ../clone diff --quiet HEAD
[ "$(git rev-parse HEAD^{tree})" = "$(git -C ../clone rev-parse HEAD^{tree})" ]
[ "$(git ls-files | wc -l)" = 285 ]
[ "$(git archive HEAD | tar tf - | grep -c txt)" = 285 ]
git -C ../tree diff --quiet HEAD
