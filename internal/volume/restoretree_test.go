package volume

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

func (r *rig) restoreTree(p, at string, with ...func(*TreeRequest)) TreeResult {
	r.t.Helper()
	req := TreeRequest{Path: p, At: Moment{Name: at}}
	for _, w := range with {
		w(&req)
	}
	res, err := r.v.RestoreTree(bg(r.t), req, nil)
	if err != nil {
		r.t.Fatalf("restore %q at %s: %v", p, at, err)
	}
	return res
}

func to(p string) func(*TreeRequest)   { return func(r *TreeRequest) { r.To = p } }
func dry() func(*TreeRequest)          { return func(r *TreeRequest) { r.DryRun = true } }
func by(uid uint32) func(*TreeRequest) { return func(r *TreeRequest) { r.UID, r.GID = uid, uid } }

func (r *rig) removeAll(p string) {
	r.t.Helper()
	a := r.attr(p)
	dir, name := r.at(p)
	if !a.IsDir() {
		r.unlink(p)
		return
	}
	list, err := r.v.ReadDir(a.Ino, "", 10_000, false)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range list {
		r.removeAll(path.Join(p, e.Name))
	}
	if err := r.v.Rmdir(dir, name, ada); err != nil {
		r.t.Fatal(err)
	}
}

// shape is what a tree looks like from outside: what stat(2), getfattr and cat show of
// each path, and which paths are one file.
func (r *rig) shape(e catalog.Epoch, top string) map[string]string {
	all := make(map[string]string)
	first := make(map[catalog.Inode]string)
	past := r.v.Past(e)
	var walk func(dir catalog.Inode, p string)
	walk = func(dir catalog.Inode, p string) {
		list, err := past.ReadDir(dir, "", 100_000, true)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, x := range list {
			at := path.Join(p, x.Name)
			line := fmt.Sprintf("%o %d:%d %s", x.Mode, x.UID, x.GID, x.Target)
			if !x.IsDir() {
				line += fmt.Sprintf(" %d %d", x.Mtime, x.Nlink)
			}
			if x.IsRegular() {
				line += " " + x.Content.String()[:12]
			}
			r.v.cat.View(func(tx *catalog.Tx) error {
				attrs := attrsOf(tx.At(e), x.File)
				for _, name := range slices.Sorted(maps.Keys(attrs)) {
					line += fmt.Sprintf(" %s=%s", name, attrs[name])
				}
				return nil
			})
			if one, ok := first[x.Ino]; ok {
				line += " = " + one
			} else {
				first[x.Ino] = at
			}
			all[at] = line
			if x.IsDir() {
				walk(x.Ino, at)
			}
		}
	}
	a, err := r.v.pathThen(e, top)
	if err != nil {
		r.t.Fatal(err)
	}
	walk(a.Ino, "")
	return all
}

// now returns the shape of the live tree, when all is sealed.
func (r *rig) now(top string) map[string]string {
	r.t.Helper()
	r.sync()
	var e catalog.Epoch
	r.v.cat.View(func(tx *catalog.Tx) error { e = tx.Epoch() - 1; return nil })
	return r.shape(e, top)
}

func (r *rig) wantShape(got, want map[string]string) {
	r.t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	for p := range want {
		if got[p] != want[p] {
			r.t.Errorf("%s: got %q, want %q", p, got[p], want[p])
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			r.t.Errorf("%s is there, and was not", p)
		}
	}
}

func TestRestoreOfADirectoryMakesItWhatItWas(t *testing.T) {
	r := newRig(t)
	for _, d := range []string{"d", "d/sub", "d/sub/deep", "d/ren", "out"} {
		r.mkdir(d)
	}
	for _, f := range []string{"d/same", "d/mod", "d/gone", "d/sub/deep/x", "d/sub/y", "d/moved", "d/ren/in", "d/l1"} {
		r.write(f, "1 "+f)
		r.setxattr(f, "user.f", f)
	}
	r.link("d/l1", "d/sub/l2")
	if _, err := r.v.Symlink(r.attr("d").Ino, "sym", "target", ada); err != nil {
		t.Fatal(err)
	}
	r.setxattr("d/sub", "user.dir", "yes")
	r.chmod("d/sub", 0o711)
	r.sync()
	before := r.attr("d/moved")
	info := r.snapshot("A")
	want := r.shape(catalog.Epoch(info.Epoch), "d")

	r.clock.advance(time.Hour)
	r.write("d/mod", "something else")
	r.setxattr("d/mod", "user.f", "changed")
	r.setxattr("d/mod", "user.new", "changed")
	r.unlink("d/gone")
	r.removeAll("d/sub")
	r.rename("d/moved", "d/ren/here")
	r.rename("d/ren", "d/renamed")
	r.write("d/new", "new")
	r.mkdir("d/newdir")
	r.write("d/newdir/a", "new")
	r.chmod("d/same", 0o600)
	r.unlink("d/sym")
	r.write("d/sym", "a file where a link was")
	r.sync()
	was := r.now("d")

	plan := r.restoreTree("d", "A", dry())
	r.wantShape(r.now("d"), was)
	res := r.restoreTree("d", "A")
	if !maps.Equal(plan.Count, res.Count) || !slices.Equal(plan.Steps, res.Steps) {
		t.Errorf("the dry run said %+v, and done was %+v", plan, res)
	}
	wantCount := map[TreeAction]int{TreeRename: 2, TreeBytes: 1, TreeAttrs: 2, TreeMake: 7, TreeRemove: 4}
	if !maps.Equal(res.Count, wantCount) {
		t.Errorf("got %v, want %v: %+v", res.Count, wantCount, res.Steps)
	}
	r.wantShape(r.now("d"), want)
	if after := r.attr("d/moved"); after.Ino != before.Ino || after.File != before.File {
		t.Errorf("d/moved came back as another file: %+v, was %+v", after, before)
	}
	if again := r.restoreTree("d", "A"); len(again.Count) != 0 {
		t.Errorf("a second time: %+v", again)
	}
	for f, versions := range map[string]int{"d/mod": 3, "d/gone": 2, "d/moved": 1, "d/same": 1, "d/sub/deep/x": 2} {
		log, err := r.v.Log(bg(t), f)
		if err != nil || len(log) != versions || !log[len(log)-1].Current {
			t.Errorf("log of %s: %+v, %v; want %d versions", f, log, err, versions)
		}
	}
}

func TestRestoreToAnotherPlaceLeavesTheFirstAlone(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.write("d/a", "one")
	r.link("d/a", "d/b")
	r.setxattr("d/a", "user.k", "v")
	info := r.snapshot("A")
	want := r.shape(catalog.Epoch(info.Epoch), "d")
	r.write("d/a", "two")
	live := r.now("d")
	r.restoreTree("d", "A", to("copy"))
	r.wantShape(r.now("copy"), want)
	r.wantShape(r.now("d"), live)
	if r.attr("copy/a").File == r.attr("d/a").File {
		t.Error("the copy has the history of the first")
	}
	if _, err := r.v.RestoreTree(bg(t), TreeRequest{Path: "d", At: Moment{Name: "A"}, To: "copy"}, nil); !errors.Is(err, ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	r.restoreTree("d/a", "A", to("single"))
	if got := r.read("single"); got != "one" {
		t.Errorf("single holds %q", got)
	}
}

func TestRestoreOfOneFileAndOfWhatIsOpen(t *testing.T) {
	r := newRig(t)
	r.write("a", "one")
	r.chmod("a", 0o640)
	r.snapshot("A")
	r.write("a", "two")
	r.chmod("a", 0o600)
	r.sync()
	reader, writer := r.handle("a", unix.O_RDONLY), r.handle("a", unix.O_WRONLY)
	r.put(writer, "THREE", 0)
	if res := r.restoreTree("a", "A"); res.Version != 4 || res.Count[TreeBytes] != 1 {
		t.Errorf("got %+v", res)
	}
	if got := r.read("a"); got != "one" || r.attr("a").Mode&0o777 != 0o640 {
		t.Errorf("a holds %q, mode %o", got, r.attr("a").Mode)
	}
	if got := r.get(reader); got != "THREE" {
		t.Errorf("who had it open reads %q", got)
	}
	r.release(reader)
	r.release(writer)
	r.rename("a", "b")
	if res := r.restoreTree("b", "A"); res.Count[TreeBytes]+res.Count[TreeMake]+res.Count[TreeRemove] != 0 {
		t.Errorf("under its new name: %+v", res)
	}
	for _, tt := range []struct {
		path, at string
		want     error
	}{{"nobody", "A", ErrNotExist}, {"b", "none", ErrNotExist}, {"b", "", ErrInvalid}} {
		if _, err := r.v.RestoreTree(bg(t), TreeRequest{Path: tt.path, At: Moment{Name: tt.at}}, nil); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestRestoreByOthersIsOfWhatIsTheirs(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.chmod("d", 0o777)
	r.write("d/adas", "1")
	r.write("d/roots", "1")
	uid := uint32(0)
	if _, err := r.v.Setattr(bg(t), r.attr("d/roots").Ino, SetAttr{UID: &uid}, Caller{}); err != nil {
		t.Fatal(err)
	}
	r.snapshot("A")
	r.write("d/adas", "2")
	r.sync()
	mine := r.restoreTree("d", "A", by(ada.UID), dry())
	if len(mine.Steps) != 1 || mine.Steps[0].Path != "d/adas" {
		t.Errorf("what is hers: %+v", mine)
	}
	r.write("d/roots", "2")
	r.sync()
	live := r.now("d")
	_, err := r.v.RestoreTree(bg(t), TreeRequest{Path: "d", At: Moment{Name: "A"}, Requester: Requester{UID: ada.UID, GID: ada.GID}}, nil)
	if !errors.Is(err, ErrPerm) || !strings.Contains(err.Error(), "d/roots") || strings.Contains(err.Error(), "adas") {
		t.Errorf("got %v, want that d/roots is not hers", err)
	}
	r.wantShape(r.now("d"), live)
	r.restoreTree("d/adas", "A", by(ada.UID))
	if got := r.read("d/adas"); got != "1" {
		t.Errorf("hers holds %q", got)
	}
	if _, err := r.v.RestoreTree(bg(t), TreeRequest{Path: "d/adas", At: Moment{Name: "A"}, Requester: Requester{UID: 4711}}, nil); err != nil {
		t.Errorf("there is nothing to do, and it is refused: %v", err)
	}
}

func TestRestoreIsRefusedWhereAHoldForbidsIt(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.write("d/a", "1")
	r.snapshot("A")
	r.write("d/a", "2")
	r.write("d/new", "x")
	r.sync()
	if _, err := r.v.PlaceHold(bg(t), HoldRequest{Path: "d/new", Reason: "audit"}); err != nil {
		t.Fatal(err)
	}
	live := r.now("d")
	if _, err := r.v.RestoreTree(bg(t), TreeRequest{Path: "d", At: Moment{Name: "A"}}, nil); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "audit") {
		t.Errorf("got %v", err)
	}
	r.wantShape(r.now("d"), live)
}

// TestRestoreOfRandomHistories goes back to random snapshots, of the whole drive and of
// parts of it, and wants what was there then.
func TestRestoreOfRandomHistories(t *testing.T) {
	for _, seed := range []uint64{rand.Uint64(), 11997360889226324585, 349685773429548949, 11568073355211183791} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { restoreOfRandomHistory(t, seed) })
	}
}

func restoreOfRandomHistory(t *testing.T, seed uint64) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(seed, 7))
	hist := newRandomHistory(r, rnd)
	type snap struct {
		name  string
		shape map[string]string
		dirs  []string
	}
	var snaps []snap
	for k := range 30 {
		for range 1 + rnd.IntN(25) {
			hist.step()
			r.clock.advance(time.Duration(rnd.IntN(int(time.Minute))))
		}
		if len(snaps) > 0 && rnd.IntN(2) == 0 {
			s := snaps[rnd.IntN(len(snaps))]
			top := ""
			if len(s.dirs) > 0 && rnd.IntN(2) == 0 {
				top = s.dirs[rnd.IntN(len(s.dirs))]
			}
			if _, _, err := r.v.resolveParent(top); top != "" && err != nil {
				continue
			}
			info, _ := r.v.Epoch(Moment{Name: s.name})
			want := r.shape(info, top)
			res, err := r.v.RestoreTree(bg(t), TreeRequest{Path: top, At: Moment{Name: s.name}}, nil)
			if err != nil {
				t.Fatalf("%d: restore %q at %s: %v", k, top, s.name, err)
			}
			if got := r.now(top); top == "" || !linkedOutside(got, want) {
				r.wantShape(got, want)
			}
			if again := r.restoreTree(top, s.name, dry()); len(again.Count) != 0 && top == "" {
				t.Errorf("%d: restore %q at %s a second time: %+v; the first: %+v", k, top, s.name, again, res)
			}
			if t.Failed() {
				t.Fatalf("%d: restored %q at %s: %+v", k, top, s.name, res)
			}
		}
		s := snap{name: fmt.Sprintf("s%02d", k)}
		info := r.snapshot(s.name)
		s.shape = r.shape(catalog.Epoch(info.Epoch), "")
		for p, line := range s.shape {
			if strings.HasPrefix(line, "40") {
				s.dirs = append(s.dirs, p)
			}
		}
		slices.Sort(s.dirs)
		snaps = append(snaps, s)
	}
	r.audit()
}

// linkedOutside reports whether the trees differ only in how many names files have,
// some of which may lie outside.
func linkedOutside(got, want map[string]string) bool {
	strip := func(m map[string]string) map[string]string {
		out := make(map[string]string)
		for p, line := range m {
			f := strings.Fields(line)
			if len(f) > 3 && strings.HasPrefix(f[0], "100") {
				f[3] = ""
			}
			out[p] = strings.Join(f, " ")
		}
		return out
	}
	return reflect.DeepEqual(strip(got), strip(want))
}
