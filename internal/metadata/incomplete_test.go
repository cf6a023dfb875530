package metadata

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/schema"
	"github.com/rdfs/rdfs/internal/volume"
)

// links lists a directory of incomplete files as "name -> path", in order, a few at a time.
func (r *rig) links(x *Incomplete, who volume.Identity) string {
	r.t.Helper()
	var out []string
	for after := ""; ; {
		list, err := x.List("", after, 2, who)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, l := range list {
			after = l.Name
			p, err := r.vol.PathOf(l.Target)
			if err != nil {
				r.t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%s -> %s", strings.ReplaceAll(l.Name, fmt.Sprintf("~%x", l.Target), "~#"), p))
			if got, err := x.Lookup("", l.Name, who); err != nil || got != l {
				r.t.Errorf("lookup of %s: got %v, %v, want %v", l.Name, got, err, l)
			}
		}
		if len(list) < 2 {
			slices.Sort(out)
			return strings.Join(out, "\n")
		}
	}
}

// again makes the table new at the next look, whatever the time.
func (x *Incomplete) again() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.until = 0
}

func TestIncompleteFilesAreListedUntilTheyAreComplete(t *testing.T) {
	r := newRig(t, schema.Field{Name: "side", RequiredFor: []string{"*.edf"}}, schema.Field{Name: "room", Default: "1", RequiredFor: []string{"*"}})
	r.make("a/", "b/", "c/", "a/one.edf", "a/x.edf", "b/x.edf", "c/x.edf", "c/x.csv", "a/y~1f.edf")
	r.change(set("c", "side", "left")) // handed down
	x := r.Incomplete()
	want := func(want ...string) {
		t.Helper()
		x.again()
		if got := r.links(x, volume.Identity{}); got != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	}
	want("one.edf -> a/one.edf", "x~#.edf -> a/x.edf", "x~#.edf -> b/x.edf", "y~1f~#.edf -> a/y~1f.edf")

	// What leaves is gone at once, whatever the table says.
	r.change(set("a/x.edf", "side", "right"))
	if got := r.links(x, volume.Identity{}); strings.Contains(got, "a/x.edf") {
		t.Errorf("a complete file is listed:\n%s", got)
	}
	want("one.edf -> a/one.edf", "x.edf -> b/x.edf", "y~1f~#.edf -> a/y~1f.edf")
	// The longer name goes on to answer.
	i, _, err := r.vol.Resolve("b/x.edf")
	if err != nil {
		t.Fatal(err)
	}
	if l, err := x.Lookup("", fmt.Sprintf("x~%x.edf", i), volume.Identity{}); err != nil || l.Target != i {
		t.Errorf("got %v, %v", l, err)
	}
	r.change(Row{Path: "c", Unset: []string{"side"}})
	r.change(set("b", "side", "left"))
	want("one.edf -> a/one.edf", "x.edf -> c/x.edf", "y~1f~#.edf -> a/y~1f.edf")
	for _, name := range []string{"none.edf", "x.csv", "x~1.edf", "x~zz.edf", "~", "~1", "."} {
		if l, err := x.Lookup("", name, volume.Identity{}); !errors.Is(err, volume.ErrNotExist) {
			t.Errorf("%s: got %v, %v, want ErrNotExist", name, l, err)
		}
	}
}

func TestNobodySeesIncompleteFilesThatTheyCannotList(t *testing.T) {
	r := newRig(t, schema.Field{Name: "side", RequiredFor: []string{"*"}})
	r.make("open/", "open/a", "closed/", "closed/b", "closed/in/", "closed/in/c")
	i, _, err := r.vol.Resolve("closed")
	if err != nil {
		t.Fatal(err)
	}
	mode := uint32(0o750)
	if _, err := r.vol.Setattr(r.ctx, i, volume.SetAttr{Mode: &mode}, volume.Caller{}); err != nil {
		t.Fatal(err)
	}
	x := r.Incomplete()
	if got, want := r.links(x, carl.identity()), "a -> open/a"; got != want {
		t.Errorf("carl sees %q, want %q", got, want)
	}
	if _, err := x.Lookup("", "c", carl.identity()); !errors.Is(err, volume.ErrNotExist) {
		t.Errorf("carl asks for c: %v", err)
	}
	if got, want := r.links(x, volume.Identity{UID: 2000, Groups: []uint32{7, 0}}), "a -> open/a\nb -> closed/b\nc -> closed/in/c"; got != want {
		t.Errorf("in the group: %q, want %q", got, want)
	}
}

// A change is seen when the table is old enough, and only what changes makes it anew.
func TestTheTableOfIncompleteFilesIsMadeWhenSomethingChanged(t *testing.T) {
	r := newRig(t, schema.Field{Name: "side", RequiredFor: []string{"*"}})
	r.make("a")
	x := r.Incomplete()
	if got := r.links(x, volume.Identity{}); got != "a -> a" {
		t.Fatal(got)
	}
	if err := r.vol.SyncNames(r.ctx); err != nil {
		t.Fatal(err)
	}
	x.again()
	first, err := x.current() // what was in the open epoch counts as new once
	if err != nil {
		t.Fatal(err)
	}
	x.again()
	if same, err := x.current(); err != nil || &same[0] != &first[0] {
		t.Errorf("the table was made again though nothing changed: %v", err)
	}
	r.make("b")
	x.until = r.vol.Now() + catalog.Time(time.Hour)
	if got := r.links(x, volume.Identity{}); got != "a -> a" {
		t.Errorf("too early: %s", got)
	}
	x.again()
	if got := r.links(x, volume.Identity{}); got != "a -> a\nb -> b" {
		t.Errorf("later: %s", got)
	}
}

func TestMarkedNamesTellTheirInode(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"eeg.csv", "eeg~1f.csv"}, {"scan.nii.gz", "scan~1f.nii.gz"}, {"README", "README~1f"}, {".bidsignore", ".bidsignore~1f"}, {".a.b", ".a~1f.b"},
		{"a~2.csv", "a~2~1f.csv"}, {"~", "~~1f"}, {"", "~1f"},
		{strings.Repeat("n", 255), strings.Repeat("n", 252) + "~1f"},
		{strings.Repeat("n", 250) + ".csv", strings.Repeat("n", 248) + "~1f.csv"},
		{"n." + strings.Repeat("e", 253), "n." + strings.Repeat("e", 250) + "~1f"},
	} {
		if got := Mark(tt.name, 0x1f); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.name, got, tt.want)
		}
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 4))
	for range 20_000 {
		name := make([]rune, 1+rng.IntN(10))
		for k := range name {
			name[k] = []rune("ab1.~é")[rng.IntN(6)]
		}
		s := string(name)
		if s == "." || s == ".." || path.Base(s) != s {
			continue
		}
		i := catalog.Inode(1 + rng.Uint64N(1<<40))
		m := Mark(s, i)
		got, ok := markOf(m)
		// Of a name that is all ending the mark stands behind the dot.
		if !ok || got != i || unmarked(m) != s {
			t.Fatalf("%q, %x (seed %d): marked %q reads as %x, %v, %q", s, i, seed, m, got, ok, unmarked(m))
		}
	}
}
