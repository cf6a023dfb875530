package search

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/schema"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/search/query"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
)

// rig is a volume in memory with a search on it.
type rig struct {
	*Search
	t   testing.TB
	vol *volume.Volume
	ctx context.Context
	dir string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	dir := t.TempDir()
	s, err := schema.Compile([]schema.Field{{Name: "quality", Type: schema.Float}, {Name: "sides", Type: schema.List}, {Name: "room", Default: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := volume.Open(volume.Options{Engine: kv.NewMemory(), Tiers: tiers.Only(memory.New(memory.Options{})), DraftDir: filepath.Join(dir, "drafts"),
		CacheDir: filepath.Join(dir, "cache"), SealAfter: time.Hour, Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	r := &rig{t: t, vol: v, ctx: ctx, dir: filepath.Join(dir, "search")}
	r.Search = New(Options{Volume: v, Schema: s, Dir: r.dir, Made: "test", Now: time.Now})
	t.Cleanup(func() {
		if err := v.Close(ctx, nil); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// again begins with what was written, as after a kill.
func (r *rig) again() {
	o := r.Search.o
	r.Search = New(o)
}

// at returns the inode of a path.
func (r *rig) at(path string) catalog.Inode {
	r.t.Helper()
	i, _, err := r.vol.Resolve(path)
	r.must(err)
	return i
}

// make makes directories (names that end in /) and files, mode 0755 and 0644.
func (r *rig) make(paths ...string) {
	r.t.Helper()
	for _, p := range paths {
		dir, name := filepath.Split(strings.TrimSuffix(p, "/"))
		if strings.HasSuffix(p, "/") {
			_, err := r.vol.Mkdir(r.at(dir), name, 0o755, volume.Caller{})
			r.must(err)
			continue
		}
		h, _, err := r.vol.Create(r.ctx, r.at(dir), name, 0o644, 1, volume.Caller{})
		r.must(err)
		h.Release()
	}
}

func (r *rig) set(path, attr, value string) {
	r.t.Helper()
	r.must(r.vol.Setxattr(r.at(path), "user."+attr, []byte(value), 0, volume.Caller{}))
}

// ready brings the index up to all that happened.
func (r *rig) ready() {
	r.t.Helper()
	r.must(r.vol.Catalog().Sync(r.ctx))
	r.must(r.Ready(r.ctx))
}

// finds returns the paths that a query finds, in order.
func (r *rig) finds(text string, req Request) string {
	r.t.Helper()
	req.Query, req.Limit = text, 1000
	res, err := r.Find(r.ctx, req)
	r.must(err)
	var out []string
	for _, h := range res.Hits {
		out = append(out, h.Path)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (r *rig) want(text, want string) {
	r.t.Helper()
	if got := r.finds(text, Request{}); got != want {
		r.t.Errorf("%s: got %s, want %s", text, got, want)
	}
}

// dump is everything that an index knows, and who may see it.
func dump(t testing.TB, x *index.Index) string {
	t.Helper()
	var out []string
	for _, uid := range []uint32{0, 1000} {
		req := index.Request{Query: query.All{}, Limit: 1 << 20, Sort: []index.Sort{{Field: index.Folder}, {Field: index.Name}},
			May: mayOf(&volume.Requester{UID: uid, GID: uid})}
		res, err := x.Search(&req)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range res.Hits {
			slices.SortFunc(h.Values, func(a, b index.Value) int { return strings.Compare(a.Field+"\x00"+a.Text, b.Field+"\x00"+b.Text) })
			out = append(out, fmt.Sprintf("%d %s %d %d %v", uid, h.Path, h.Size, h.Modified, h.Values))
		}
	}
	return strings.Join(out, "\n")
}

// checkRebuilt compares the index with one that is made from nothing.
func (r *rig) checkRebuilt(what string) {
	r.t.Helper()
	x, err := r.indexOf(r.ctx, catalog.Live, false)
	r.must(err)
	got, want := dump(r.t, r.current()), dump(r.t, x)
	if got == want {
		return
	}
	has := make(map[string]bool)
	for l := range strings.SplitSeq(want, "\n") {
		has[l] = true
	}
	for l := range strings.SplitSeq(got, "\n") {
		if !has[l] {
			r.t.Errorf("%s: not in a rebuilt one: %s", what, l)
		}
		delete(has, l)
	}
	for l := range has {
		r.t.Errorf("%s: only in a rebuilt one: %s", what, l)
	}
	r.t.FailNow()
}
