package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/volume"
)

// shelfOf is a virtual directory.
type shelfOf interface {
	Lookup(dir, name string, who volume.Identity) (volume.Link, error)
	List(dir, after string, limit int, who volume.Identity) ([]volume.Link, error)
}

// listing lists a directory a few at a time, and looks up each of its names.
func (r *rig) listing(d shelfOf, dir string, who volume.Identity) string {
	r.t.Helper()
	var out []string
	for after := ""; ; {
		list, err := d.List(dir, after, 2, who)
		r.must(err)
		for _, l := range list {
			after = l.Name
			if got, err := d.Lookup(dir, l.Name, who); err != nil || got != l {
				r.t.Errorf("lookup of %s in %q: got %v, %v, want %v", l.Name, dir, got, err, l)
			}
			text := l.Name + "/"
			if l.Target != 0 {
				p, err := r.vol.PathOf(l.Target)
				r.must(err)
				text = strings.ReplaceAll(l.Name, fmt.Sprintf("~%x", l.Target), "~#") + "=" + p
			}
			out = append(out, text)
		}
		if len(list) < 2 {
			slices.Sort(out)
			return strings.Join(out, " ")
		}
	}
}

func TestAQueryIsADirectoryOfLinks(t *testing.T) {
	r := newRig(t)
	r.make("a/", "b/", "c/", "a/x.csv", "b/x.csv", "b/y.csv", "c/z.csv")
	mode := uint32(0o700)
	_, err := r.vol.Setattr(r.ctx, r.at("c"), volume.SetAttr{Mode: &mode}, volume.Caller{})
	r.must(err)
	r.ready()
	eve := volume.Identity{UID: 1000, Groups: []uint32{1000}}
	q := r.Queries()
	for _, tc := range []struct {
		dir  string
		who  volume.Identity
		want string
	}{
		{"ext:csv", volume.Identity{}, "x~#.csv=a/x.csv x~#.csv=b/x.csv y.csv=b/y.csv z.csv=c/z.csv"},
		{"ext:csv", eve, "x~#.csv=a/x.csv x~#.csv=b/x.csv y.csv=b/y.csv"},
		{"path:b%2Fx*", eve, "x.csv=b/x.csv"},
		{"tag:none", eve, ""},
		{"", eve, ""},
	} {
		if got := r.listing(q, tc.dir, tc.who); got != tc.want {
			t.Errorf("%s for %d:\ngot  %s\nwant %s", tc.dir, tc.who.UID, got, tc.want)
		}
	}
	if _, err := q.Lookup("", "a AND", eve); !errors.Is(err, volume.ErrInvalid) {
		t.Errorf("a wrong query: got %v", err)
	}
	for _, dir := range []string{"ext:csv", "ext:edf"} {
		if _, err := q.Lookup(dir, "z.csv", eve); !errors.Is(err, volume.ErrNotExist) {
			t.Errorf("%s: got %v", dir, err)
		}
	}
}

func TestValuesAreDirectoriesOfLinks(t *testing.T) {
	r := newRig(t)
	r.make("x.csv", "y.csv", "z.edf")
	r.set("x.csv", "tags", "raw,a/b")
	r.set("y.csv", "tags", "raw")
	r.set("z.edf", "quality", "0.5")
	r.set("z.edf", "secret", "s")
	mode := uint32(0o600)
	_, err := r.vol.Setattr(r.ctx, r.at("z.edf"), volume.SetAttr{Mode: &mode}, volume.Caller{})
	r.must(err)
	r.ready()
	d, root, eve := r.Values(), volume.Identity{}, volume.Identity{UID: 1000, Groups: []uint32{1000}}
	for dir, want := range map[string]string{"tags": "a%2Fb/ raw/", "tags/raw": "x.csv=x.csv y.csv=y.csv", "tags/a%2Fb": "x.csv=x.csv", "quality": "0.5/", "ext": "csv/ edf/"} {
		if got := r.listing(d, dir, root); got != want {
			t.Errorf("%s: got %s, want %s", dir, got, want)
		}
	}
	if got := r.listing(d, "", eve); strings.Contains(got, "secret") || !strings.Contains(got, "tags/") {
		t.Errorf("fields for eve: %s", got)
	}
	if got := r.listing(d, "ext", eve); got != "csv/" {
		t.Errorf("ext for eve: %s", got)
	}
	for _, name := range []string{"tags/none", "nothing/x"} {
		dir, value, _ := strings.Cut(name, "/")
		if _, err := d.Lookup(dir, value, root); err == nil {
			t.Errorf("%s is there", name)
		}
	}
}
