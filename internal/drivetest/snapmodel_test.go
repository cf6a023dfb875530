package drivetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Snapshots that are taken while several programs work at random show, entry by entry, what was there at that instant:
// at once, after a remount, without the cache, and when half of them have been dropped and collected.
func TestSnapshotsOfRandomWork(t *testing.T) {
	if suite.plain {
		return
	}
	needRoot(t)
	many := envCount(t, "RDFS_TEST_SNAPSHOTS", 200)
	for _, seed := range seeds(t, 1) {
		t.Run(fmt.Sprintf("seed%d", seed), func(t *testing.T) {
			d := newDrive(t)
			d.patience(5 * time.Minute)
			t.Logf("RDFS_TEST_SEED=%d RDFS_TEST_SNAPSHOTS=%d", seed, many)
			w := newSnapWork(t, d, seed)
			taken := w.run(many)
			for when, prepare := range []struct {
				words string
				do    func()
			}{
				{"when all were taken", func() {}},
				{"after a remount", d.remount},
				{"without the cache", func() { d.evict(); dropCaches() }},
				{"when half of them were dropped and collected", func() { taken = dropHalf(t, d, taken, w.rng) }},
				{"when what they alone showed was forgotten", func() { d.collect(30, 0); d.evict(); dropCaches() }},
			} {
				prepare.do()
				for k := range taken {
					taken[k].compare(t, d, prepare.words, when == 0)
					if t.Failed() {
						return
					}
				}
			}
			d.check()
		})
	}
}

// dropHalf drops a random half of the snapshots, collects garbage, and returns the others.
func dropHalf(t *testing.T, d *drive, taken []snapTaken, rng *rand.Rand) (kept []snapTaken) {
	t.Helper()
	for k := range taken {
		if rng.IntN(2) == 0 {
			kept = append(kept, taken[k])
			continue
		}
		must(t, unix.Rmdir(d.path(".snapshots", taken[k].name)))
	}
	d.must(d.rdfs("gc", d.mnt))
	d.evict()
	dropCaches()
	return kept
}

// snapTaken is a snapshot and what the drive held at its instant.
type snapTaken struct {
	name  string
	tree  tree              // of the work that was paused
	links map[string]string // of each path, the first path with the same inode
}

// compare reads a snapshot by one of the ways to it and compares it with what was there.
func (s *snapTaken) compare(t *testing.T, d *drive, when string, thorough bool) {
	t.Helper()
	when = s.name + " " + when
	root := d.path(".snapshots", s.name, "work")
	got := walk(t, root)
	wantSame(t, when, got, s.tree, exactly)
	if links := linksOf(t, root, got); fmt.Sprint(links) != fmt.Sprint(s.links) {
		t.Errorf("%s: other hard links:\n got %v\nwant %v", when, links, s.links)
	}
	if thorough {
		wantSame(t, when+", from the directory", walk(t, d.path("work/.snapshots", s.name)), s.tree, exactly)
	}
	// What went on meanwhile is on one side of each change.
	pong := d.path(".snapshots", s.name, "pong")
	for _, name := range []string{"f", "dir"} {
		_, a := os.Lstat(filepath.Join(pong, "a", name))
		_, b := os.Lstat(filepath.Join(pong, "b", name))
		if (a == nil) == (b == nil) {
			t.Errorf("%s: %s, which is renamed from a to b and back, is there: %v, %v", when, name, a == nil, b == nil)
		}
	}
	if text := string(get(os.ReadFile(filepath.Join(pong, "whole")))(t)); text != wholeText(text) {
		t.Errorf("%s: half of a save: %.40q", when, text)
	}
	if n := len(get(os.ReadDir(filepath.Join(pong, "a")))(t)) + len(get(os.ReadDir(filepath.Join(pong, "b")))(t)); n != 2 {
		t.Errorf("%s: %d entries are listed in a and b", when, n)
	}
}

// exactly is same, and directories have as many links as well.
func exactly(path string, got, want entry) string {
	if got.Nlink != want.Nlink {
		return fmt.Sprintf("%d links, want %d", got.Nlink, want.Nlink)
	}
	return same(path, got, want)
}

func linksOf(t *testing.T, root string, all tree) map[string]string {
	t.Helper()
	first, links := map[uint64]string{}, map[string]string{}
	for _, p := range sortedPaths(all) {
		if all[p].Nlink < 2 || all[p].Mode&unix.S_IFMT == unix.S_IFDIR {
			continue
		}
		var st unix.Stat_t
		must(t, unix.Lstat(filepath.Join(root, p), &st))
		if first[st.Ino] == "" {
			first[st.Ino] = p
		}
		links[p] = first[st.Ino]
	}
	return links
}

func sortedPaths(all tree) []string {
	paths := make([]string, 0, len(all))
	for p := range all {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// snapWork is what goes on while snapshots are taken. Workers change trees of their own, on the drive and on a plain
// directory, which is the model; for a snapshot they pause between two steps. Others do not pause.
type snapWork struct {
	t       *testing.T
	d       *drive
	rng     *rand.Rand
	plain   string
	workers []*treeModel
	pause   sync.RWMutex // held for writing while nobody may change the model's trees
	steps   atomic.Int64
	done    atomic.Bool
	wg      sync.WaitGroup
}

func newSnapWork(t *testing.T, d *drive, seed uint64) *snapWork {
	w := &snapWork{t: t, d: d, rng: newRand(seed), plain: filepath.Join(d.dir, "plain")}
	must(t, os.MkdirAll(filepath.Join(w.plain, "work"), 0o755))
	must(t, os.Mkdir(d.path("work"), 0o755))
	for k := range 3 {
		name := fmt.Sprint("work/", k)
		m := &treeModel{t: t, rng: newRand(seed*10 + uint64(k)), drive: d.path(name), plain: filepath.Join(w.plain, name), started: time.Now()}
		must(t, os.Mkdir(m.drive, 0o755))
		must(t, os.Mkdir(m.plain, 0o755))
		w.workers = append(w.workers, m)
	}
	for _, dir := range []string{"pong/a/dir/sub", "pong/b"} {
		must(t, os.MkdirAll(d.path(dir), 0o755))
	}
	must(t, os.WriteFile(d.path("pong/a/f"), nil, 0o644))
	must(t, os.WriteFile(d.path("pong/whole"), nil, 0o644))
	return w
}

// run takes many snapshots while the work goes on, and compares the drive with the model at each.
func (w *snapWork) run(many int) (taken []snapTaken) {
	for _, m := range w.workers {
		w.wg.Go(func() { w.work(m) })
	}
	w.wg.Go(w.pong)
	w.wg.Go(w.saves)
	defer func() {
		w.done.Store(true)
		w.wg.Wait()
		if w.t.Failed() {
			for k, m := range w.workers {
				w.t.Logf("the last steps of worker %d:\n%v", k, &m.log)
			}
		}
	}()
	for k := 0; k < many && !w.t.Failed(); k++ {
		until := w.steps.Load() + int64(w.rng.IntN(60))
		if !eventually(time.Minute, func() bool { return w.steps.Load() >= until || w.t.Failed() }) {
			w.t.Fatal("the workers make no steps")
		}
		taken = append(taken, w.take(fmt.Sprintf("s%03d", k)))
	}
	return taken
}

func (w *snapWork) take(name string) snapTaken {
	w.pause.Lock()
	defer w.pause.Unlock()
	if w.rng.IntN(4) == 0 { // something goes from one worker to another
		from, to := w.workers[w.rng.IntN(3)], w.workers[w.rng.IntN(3)]
		a, b := from.existing(anyKind), to.name()
		from.both(fmt.Sprintf("rename %s to %s of another", a, b), func(root string) error {
			return os.Rename(filepath.Join(root, a), filepath.Join(root, "../"+filepath.Base(to.drive), b))
		})
	}
	w.d.snap(name)
	all := walk(w.t, w.d.path("work"))
	wantSame(w.t, "the drive and the model at "+name, all, walk(w.t, filepath.Join(w.plain, "work")), w.differs)
	return snapTaken{name: name, tree: all, links: linksOf(w.t, w.d.path("work"), all)}
}

// differs leaves the values of attributes out: a file that was exchanged keeps those that its path had before.
func (w *snapWork) differs(path string, got, want entry) string {
	for name := range want.Attrs {
		if value, ok := got.Attrs[name]; ok {
			want.Attrs[name] = value
		}
	}
	return w.workers[0].differs(path, got, want)
}

func (w *snapWork) work(m *treeModel) {
	for !w.done.Load() && !w.t.Failed() {
		w.pause.RLock()
		m.stepUnlocked(&w.pause)
		w.steps.Add(1)
	}
}

// stepUnlocked makes a step and unlocks, also when the step ends the goroutine.
func (m *treeModel) stepUnlocked(mu *sync.RWMutex) {
	defer mu.RUnlock()
	m.step()
}

// pong renames a file and a directory from a to b and back.
func (w *snapWork) pong() {
	sides := []string{"a", "b"}
	for k := 0; !w.done.Load(); k++ {
		from, to := sides[k%2], sides[1-k%2]
		for _, name := range []string{"f", "dir"} {
			if err := os.Rename(w.d.path("pong", from, name), w.d.path("pong", to, name)); err != nil {
				w.t.Error(err)
				return
			}
		}
	}
}

// saves replaces a file by a whole other one.
func (w *snapWork) saves() {
	for k := 0; !w.done.Load(); k++ {
		tmp := w.d.path("pong/whole.tmp")
		if err := os.WriteFile(tmp, []byte(wholeText(fmt.Sprint(k))), 0o644); err != nil {
			w.t.Error(err)
			return
		}
		if err := os.Rename(tmp, w.d.path("pong/whole")); err != nil {
			w.t.Error(err)
			return
		}
		time.Sleep(time.Duration(k%30) * time.Millisecond)
	}
}

// wholeText is the text that begins like text does: a number, many times.
func wholeText(text string) string {
	number, _, _ := strings.Cut(text, "\n")
	if number == "" {
		return ""
	}
	return strings.Repeat(number+"\n", 2000)
}
