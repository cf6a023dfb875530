package volume

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/snapshot"
)

// diff returns what differs, as lines.
func (r *rig) diff(a, b, p string) (lines []string) {
	r.t.Helper()
	moment := func(name string) Moment {
		if name == "live" {
			return Moment{}
		}
		return Moment{Name: name}
	}
	res, err := r.v.Diff(bg(r.t), DiffRequest{A: moment(a), B: moment(b), Path: p})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range res.Changes {
		line := string(c.What) + " " + c.Path
		if c.OldPath != "" {
			line = string(c.What) + " " + c.OldPath + " " + c.Path
		}
		if c.Bytes {
			line += fmt.Sprintf(" %d->%d", c.OldSize, c.Size)
		}
		for _, x := range c.Attrs {
			if x != "mtime" {
				line += " " + x
			}
		}
		for _, tag := range c.TagsAdded {
			line += " +" + tag
		}
		for _, tag := range c.TagsRemoved {
			line += " -" + tag
		}
		lines = append(lines, line)
	}
	return lines
}

func (r *rig) wantDiff(a, b, p string, want ...string) {
	r.t.Helper()
	if got := r.diff(a, b, p); !slices.Equal(got, want) {
		r.t.Errorf("from %s to %s below %q: got\n  %s\nwant\n  %s", a, b, p, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestDiffFollowsFilesAndSaysWhatChanged(t *testing.T) {
	r := newRig(t)
	for _, d := range []string{"d", "d/in", "other"} {
		r.mkdir(d)
	}
	for _, f := range []string{"same", "mod", "gone", "d/moved", "d/in/child", "chmod", "tags", "saved", "other/x", "linked"} {
		r.write(f, "1 "+f)
	}
	r.setxattr("tags", "user.xdg.tags", "a,b")
	r.setxattr("tags", "user.unit", "mm")
	r.snapshot("A")
	r.write("mod", "longer than before")
	r.unlink("gone")
	r.write("new", "x")
	r.rename("d/moved", "other/moved")
	r.rename("d/in", "d/out")
	r.chmod("chmod", 0o600)
	r.setxattr("tags", "user.xdg.tags", "b, c")
	r.setxattr("tags", "user.unit", "cm")
	r.write("saved.tmp", "saved anew") // a program saves by renaming
	r.rename("saved.tmp", "saved")
	r.write("passing", "x")
	r.unlink("passing")
	r.link("linked", "other/link")
	r.rename("other/x", "other/y")
	r.write("other/y", "renamed and written")
	if err := r.v.Rmdir(Root, "nobody", ada); err == nil {
		t.Fatal("there is a nobody")
	}
	r.snapshot("B")
	want := []string{
		"metadata chmod mode",
		"renamed d/in d/out",
		"removed gone",
		"modified mod 5->18",
		"added new",
		"added other/link",
		"renamed d/moved other/moved",
		"renamed other/x other/y 9->19",
		"modified saved 7->10",
		"metadata tags user.unit user.xdg.tags +c -a",
	}
	r.wantDiff("A", "B", "", want...)
	r.wantDiff("A", "live", "", want...)
	r.wantDiff("A", "B", "other", "added other/link", "renamed d/moved other/moved", "renamed other/x other/y 9->19")
	r.wantDiff("A", "B", "mod", want[3])
	r.wantDiff("A", "B", "mo")
	r.wantDiff("A", "A", "")
	r.wantDiff("B", "live", "")
	r.wantDiff("B", "A", "mod", "modified mod 18->5")
	r.wantDiff("live", "A", "gone", "added gone")
	r.wantDiff("live", "A", "d", "renamed d/out d/in", "renamed other/moved d/moved")
}

func TestDiffOfWhatWasReplacedUnderItsPath(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.write("d/same", "same")
	r.write("d/other", "1")
	r.write("d/gone", "1")
	r.write("kind", "file")
	r.snapshot("A")
	for _, f := range []string{"d/same", "d/other", "d/gone", "kind"} {
		r.unlink(f)
	}
	if err := r.v.Rmdir(Root, "d", ada); err != nil {
		t.Fatal(err)
	}
	r.mkdir("d")
	r.write("d/same", "same")
	r.write("d/other", "22")
	r.mkdir("kind")
	r.snapshot("B")
	r.wantDiff("A", "B", "", "removed d/gone", "modified d/other 1->2", "metadata d/same", "added kind", "removed kind")
}

func TestDiffShowsOnlyWhatTheCallerCanList(t *testing.T) {
	r := newRig(t)
	r.mkdir("secret")
	r.mkdir("open")
	r.mkdir("secret/in")
	r.snapshot("A")
	r.write("secret/in/a", "x")
	r.write("open/a", "x")
	r.chmod("secret", 0o700)
	res, err := r.v.Diff(bg(t), DiffRequest{A: Moment{Name: "A"}, Requester: Requester{UID: 1001, GID: 1001}})
	if err != nil || len(res.Changes) != 2 || res.Changes[0].Path != "open/a" || res.Changes[1].Path != "secret" || res.Count[snapshot.Added] != 1 {
		t.Errorf("got %+v, %v", res, err)
	}
	res, err = r.v.Diff(bg(t), DiffRequest{A: Moment{Name: "A"}, Requester: Requester{UID: ada.UID, GID: ada.GID}, Limit: 1})
	if err != nil || len(res.Changes) != 1 || res.Count[snapshot.Added] != 2 {
		t.Errorf("their owner got %+v, %v", res, err)
	}
}

// entry is what a tree has at a path.
type entry struct {
	mode  uint32
	bytes string
	attrs string
	file  catalog.FileID
	ino   catalog.Inode
}

// tree returns all paths of an epoch.
func (r *rig) tree(e catalog.Epoch) map[string]entry {
	all := make(map[string]entry)
	r.v.cat.View(func(tx *catalog.Tx) error {
		was := tx.At(e)
		var walk func(dir catalog.Inode, p string)
		walk = func(dir catalog.Inode, p string) {
			was.ReadDir(dir, "", func(d catalog.Dirent) bool {
				n, err := was.Node(d.Ino)
				if err != nil {
					r.t.Fatal(err)
				}
				attrs := ""
				was.Attrs(n.File, func(k string, v []byte) bool { attrs += fmt.Sprintf("%s=%s ", k, v); return true })
				all[path.Join(p, d.Name)] = entry{n.Mode, n.Content.String(), attrs, n.File, d.Ino}
				if n.IsDir() {
					walk(d.Ino, path.Join(p, d.Name))
				}
				return true
			})
		}
		walk(Root, "")
		return nil
	})
	return all
}

// patch applies a diff to the paths of a tree, as somebody would who has only the
// diff, and returns them. What it says of a renamed directory moves all below.
func patch(was map[string]entry, changes []snapshot.Change) (is []string, err error) {
	type dir map[string]any // nil: a file
	root := dir{}
	at := func(p string) (dir, string, error) {
		d := root
		names := strings.Split(p, "/")
		for _, name := range names[:len(names)-1] {
			next, ok := d[name].(dir)
			if !ok {
				return nil, "", fmt.Errorf("%s: no directory %s", p, name)
			}
			d = next
		}
		return d, names[len(names)-1], nil
	}
	paths := make([]string, 0, len(was))
	for p := range was {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		d, name, err := at(p)
		if err != nil {
			return nil, err
		}
		if d[name] = any(nil); was[p].mode&catalog.TypeMask == catalog.TypeDir {
			d[name] = dir{}
		}
	}
	type place struct {
		d    dir
		name string
		what any
	}
	var out []place
	in := make(map[string]any)
	for _, c := range changes {
		switch c.What {
		case snapshot.Removed, snapshot.Renamed:
			p := c.Path
			if c.What == snapshot.Renamed {
				p = c.OldPath
			}
			d, name, err := at(p)
			if err != nil {
				return nil, err
			}
			what, ok := d[name]
			if !ok {
				return nil, fmt.Errorf("%s %s: there is nothing", c.What, p)
			}
			out = append(out, place{d, name, what})
			if c.What == snapshot.Renamed {
				in[c.Path] = what
			}
		case snapshot.Added:
			if in[c.Path] = any(nil); c.Type == "directory" {
				in[c.Path] = dir{}
			}
		}
	}
	for _, p := range out {
		delete(p.d, p.name)
	}
	paths = paths[:0]
	for p := range in {
		paths = append(paths, p)
	}
	slices.SortFunc(paths, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	for _, p := range paths {
		d, name, err := at(p)
		if err != nil {
			return nil, err
		}
		if _, ok := d[name]; ok {
			return nil, fmt.Errorf("%s is there already", p)
		}
		d[name] = in[p]
	}
	var list func(d dir, p string)
	list = func(d dir, p string) {
		for name, what := range d {
			is = append(is, path.Join(p, name))
			if below, ok := what.(dir); ok {
				list(below, path.Join(p, name))
			}
		}
	}
	list(root, "")
	slices.Sort(is)
	return is, nil
}

// TestDiffOfRandomHistories applies what Diff says to the tree of one snapshot, and
// wants the other; once with the feed, and once without.
func TestDiffOfRandomHistories(t *testing.T) {
	r := newRig(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 7))
	r.broken = true // whether histories stay apart is tried elsewhere
	hist := newRandomHistory(r, rnd)
	var epochs []catalog.Epoch
	for k := range 12 {
		for range 40 {
			hist.step()
		}
		epochs = append(epochs, catalog.Epoch(r.snapshot(fmt.Sprintf("s%02d", k)).Epoch))
	}
	check := func(how string) {
		for range 20 {
			a, b := epochs[rnd.IntN(len(epochs))], epochs[rnd.IntN(len(epochs))]
			changes, err := snapshot.Diff(bg(t), r.v.cat, a, b, "")
			if err != nil {
				t.Fatal(err)
			}
			was, is := r.tree(a), r.tree(b)
			got, err := patch(was, changes)
			if err != nil {
				t.Fatalf("%s: from %d to %d: %v\n%+v", how, a, b, err, changes)
			}
			want := make([]string, 0, len(is))
			for p := range is {
				want = append(want, p)
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: from %d to %d: too much %q, missing %q\n%+v", how, a, b, less(got, want), less(want, got), changes)
			}
			told := make(map[string]snapshot.Change)
			named := make(map[catalog.FileID]bool) // under another of its names, perhaps
			shared := merged(sharedFiles(was), sharedFiles(is))
			for _, c := range changes {
				named[c.File] = named[c.File] || c.What != snapshot.Removed
				if c.What != snapshot.Removed {
					told[c.Path] = c
				}
			}
			for p, now := range is {
				before, ok := was[p]
				c, mentioned := told[p]
				changed := before.mode != now.mode || before.bytes != now.bytes || before.attrs != now.attrs
				if ok && changed && !mentioned && !renamedAbove(changes, p) && before.mode&catalog.TypeMask != catalog.TypeDir && !named[now.file] && !shared[now.file] {
					t.Fatalf("%s: from %d to %d: %s was %+v and is %+v, and nothing says so", how, a, b, p, before, now)
				}
				if ok && !changed && mentioned && c.What == snapshot.Modified {
					t.Fatalf("%s: from %d to %d: %s is as it was, and %+v says otherwise", how, a, b, p, c)
				}
			}
		}
	}
	check("by the feed")
	last := epochs[len(epochs)-1]
	if err := r.v.cat.Update(func(tx *catalog.Tx) error { tx.RaiseHorizon(last); return nil }); err != nil {
		t.Fatal(err)
	}
	check("by the rows")
	if !reflect.DeepEqual(r.tree(last), r.tree(catalog.Live)) {
		t.Error("the live tree is not that of the last snapshot")
	}
}

// less returns what is in a and not in b.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(p string) bool { return slices.Contains(b, p) })
}

func renamedAbove(changes []snapshot.Change, p string) bool {
	return slices.ContainsFunc(changes, func(c snapshot.Change) bool {
		return c.What == snapshot.Renamed && (strings.HasPrefix(p, c.Path+"/") || strings.HasPrefix(p, c.OldPath+"/"))
	})
}

// sharedFiles returns the files that two nodes have.
func sharedFiles(tree map[string]entry) map[catalog.FileID]bool {
	holder, shared := make(map[catalog.FileID]catalog.Inode), make(map[catalog.FileID]bool)
	for _, x := range tree {
		if i := holder[x.file]; i != 0 && i != x.ino {
			shared[x.file] = true
		}
		holder[x.file] = x.ino
	}
	return shared
}

func merged(a, b map[catalog.FileID]bool) map[catalog.FileID]bool {
	maps.Copy(a, b)
	return a
}
