package metadata

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/schema"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
)

var (
	ada  = Who{UID: 0}
	carl = Who{UID: 2000, GID: 2000}
)

// rig is a volume in memory with a store on it.
type rig struct {
	*Store
	t   testing.TB
	vol *volume.Volume
	ctx context.Context
}

func newRig(t testing.TB, fields ...schema.Field) *rig {
	t.Helper()
	dir := t.TempDir()
	s, err := schema.Compile(fields)
	if err != nil {
		t.Fatal(err)
	}
	v, err := volume.Open(volume.Options{Engine: kv.NewMemory(), Tiers: tiers.Only(memory.New(memory.Options{})), DraftDir: filepath.Join(dir, "drafts"),
		CacheDir: filepath.Join(dir, "cache"), SealAfter: time.Hour, Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	r := &rig{New(v, s), t, v, ctx}
	t.Cleanup(func() {
		if err := v.Close(ctx, nil); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return r
}

// make makes directories (names that end in /) and files, which are mode 0644.
func (r *rig) make(paths ...string) {
	r.t.Helper()
	for _, p := range paths {
		dir, name := filepath.Split(strings.TrimSuffix(p, "/"))
		at, _, err := r.vol.Resolve(dir)
		if err == nil && strings.HasSuffix(p, "/") {
			_, err = r.vol.Mkdir(at, name, 0o755, volume.Caller{})
		} else if err == nil {
			var h *volume.Handle
			if h, _, err = r.vol.Create(r.ctx, at, name, 0o644, 1, volume.Caller{}); err == nil {
				h.Release()
			}
		}
		if err != nil {
			r.t.Fatalf("%s: %v", p, err)
		}
	}
}

func (r *rig) change(rows ...Row) Result {
	r.t.Helper()
	res, err := r.ChangeMeta(r.ctx, Request{Kind: "test", Rows: rows, Who: ada})
	if err != nil || len(res.Problems) > 0 {
		r.t.Fatalf("%+v, %v", res, err)
	}
	return res
}

// meta returns the metadata of a path as "a=1 b=2".
func (r *rig) meta(p string) string {
	r.t.Helper()
	files, err := r.GetMeta(r.ctx, Query{Paths: []string{p}, Who: ada})
	if err != nil {
		r.t.Fatal(err)
	}
	var parts []string
	for _, v := range files[0].Values {
		parts = append(parts, v.Field+"="+v.Value)
	}
	return strings.Join(parts, " ")
}

func (r *rig) want(p, want string) {
	r.t.Helper()
	if got := r.meta(p); got != want {
		r.t.Errorf("%s: got %q, want %q", p, got, want)
	}
}

func set(p string, pairs ...string) Row {
	row := Row{Path: p, Set: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		row.Set[pairs[i]] = pairs[i+1]
	}
	return row
}

func TestAChangeIsAllOrNothing(t *testing.T) {
	r := newRig(t, schema.Field{Name: "run", Type: schema.Int})
	r.make("a", "d/", "d/b")
	r.change(set("a", "x", "old"))
	tests := []struct {
		name string
		who  Who
		row  Row
		want string
	}{
		{"wrong value", ada, set("d/b", "run", "one"), `run = "one": want a whole number`},
		{"no file", ada, set("d/none", "x", "1"), "there is no such file"},
		{"no directory", ada, set("none/b", "x", "1"), "there is no such file"},
		{"file as a directory", ada, set("a/b", "x", "1"), "there is no such directory"},
		{"computed", ada, set("d/b", "rdfs.seq", "1"), "it is computed, nobody can set it"},
		{"no name", ada, set("d/b", "", "1"), "a field needs a name"},
		{"long name", ada, set("d/b", strings.Repeat("n", 251), "1"), "the name has 251 bytes, at most 250 are allowed"},
		{"long value", ada, set("d/b", "x", strings.Repeat("v", 64<<10+1)), "the value has 65537 bytes, at most 65536 are allowed"},
		{"bad base64", ada, set("d/b", "x", "0s!"), `a value that begins with 0s is base64, and "0s!" is not`},
		{"twice", ada, set("a", "x", "again"), "row 1 says it as well"},
		{"tag with a comma", ada, Row{Path: "d/b", AddTags: []string{"a,b"}}, `"a,b": a tag has no comma and no control characters, and is UTF-8`},
		{"of another", carl, set("d/b", "x", "1"), "permission denied: it cannot be written to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first := set("a", "x", "new")
			res, err := r.ChangeMeta(r.ctx, Request{Rows: []Row{first, tt.row}, Who: tt.who})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Problems) == 0 || res.Op != 0 {
				t.Fatalf("got %+v, want a problem", res)
			}
			if got := res.Problems[len(res.Problems)-1]; got.Row != 1 || got.Text != tt.want {
				t.Errorf("got %+v, want %q", got, tt.want)
			}
			r.want("a", "x=old")
			r.want("d/b", "")
		})
	}
}

func TestADryRunTellsAndChangesNothing(t *testing.T) {
	r := newRig(t)
	r.make("a")
	res, err := r.ChangeMeta(r.ctx, Request{Rows: []Row{set("a", "x", "1")}, DryRun: true, Who: ada})
	if err != nil || res.Values != 1 || res.Files != 1 || res.Op != 0 || len(res.Diffs) != 1 || *res.Diffs[0].New != "1" || res.Diffs[0].Old != nil {
		t.Errorf("got %+v, %v", res, err)
	}
	r.want("a", "")
}

func TestUndoBringsBackWhatWas(t *testing.T) {
	r := newRig(t)
	r.make("a", "b", "c")
	r.change(set("a", "x", "0", "y", "keep"), set("c", "x", "c"))
	op := r.change(set("a", "x", "1", "z", "new"), set("b", "x", "2"), Row{Path: "c", Unset: []string{"x"}}, Row{Path: "a", AddTags: []string{"t"}})
	if op.Files != 3 || op.Values != 5 {
		t.Errorf("got %+v", op)
	}
	r.want("a", "tags=t x=1 y=keep z=new")
	r.change(set("b", "x", "3")) // somebody else, since

	res, err := r.UndoMeta(r.ctx, UndoRequest{Op: op.Op, Who: ada})
	if err != nil || res.Values != 4 || len(res.Left) != 1 || res.Left[0].Path != "b" {
		t.Errorf("got %+v, %v", res, err)
	}
	r.want("a", "x=0 y=keep")
	r.want("b", "x=3")
	r.want("c", "x=c")
	if _, err := r.UndoMeta(r.ctx, UndoRequest{Op: op.Op, Who: ada}); !errors.Is(err, volume.ErrInvalid) {
		t.Errorf("once more: got %v, want ErrInvalid", err)
	}
	if _, err := r.UndoMeta(r.ctx, UndoRequest{Op: 999999, Who: ada}); !errors.Is(err, volume.ErrNotExist) {
		t.Errorf("unknown: got %v, want ErrNotExist", err)
	}
	// Undoing is an operation, too.
	if res, err := r.UndoMeta(r.ctx, UndoRequest{Op: res.Op, Who: ada}); err != nil || res.Values != 4 {
		t.Errorf("got %+v, %v", res, err)
	}
	r.want("a", "tags=t x=1 y=keep z=new")
	// Without a number it is the last one of the same person that stands.
	if _, err := r.UndoMeta(r.ctx, UndoRequest{Who: carl}); !errors.Is(err, volume.ErrNotExist) {
		t.Errorf("nothing of carl's: got %v, want ErrNotExist", err)
	}
	if res, err := r.UndoMeta(r.ctx, UndoRequest{Who: ada}); err != nil || res.Values != 1 {
		t.Errorf("got %+v, %v", res, err)
	}
	r.want("b", "x=2")
}

func TestUndoLeavesFilesThatAreGone(t *testing.T) {
	r := newRig(t)
	r.make("a", "b")
	op := r.change(set("a", "x", "1"), set("b", "x", "1"))
	if err := r.vol.Unlink(catalog.Root, "a", volume.Caller{}); err != nil {
		t.Fatal(err)
	}
	res, err := r.UndoMeta(r.ctx, UndoRequest{Op: op.Op, Who: ada})
	if err != nil || res.Values != 1 || len(res.Left) != 1 || res.Left[0].Path != "(deleted)" {
		t.Errorf("got %+v, %v", res, err)
	}
}

// Two changes of the same values at the same time: each sees the other, whole or not at all.
func TestChangesAtTheSameTimeDoNotMix(t *testing.T) {
	r := newRig(t)
	var paths []string
	for i := range 20 {
		paths = append(paths, fmt.Sprintf("f%d", i))
	}
	r.make(paths...)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for round := range 5 {
				var rows []Row
				for _, p := range paths {
					rows = append(rows, set(p, "who", fmt.Sprintf("%d.%d", w, round)))
				}
				// A change that is overtaken again and again gives up; it has done nothing.
				if _, err := r.ChangeMeta(r.ctx, Request{Rows: rows, Who: ada}); err != nil && !errors.Is(err, errChanged) && !errors.Is(err, catalog.ErrExist) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	first := r.meta(paths[0])
	if first == "" {
		t.Fatal("nobody came through")
	}
	for _, p := range paths {
		r.want(p, first)
	}
}

func TestHistoryOfMetadata(t *testing.T) {
	r := newRig(t)
	r.make("a")
	_, a, err := r.vol.Resolve("a")
	if err != nil {
		t.Fatal(err)
	}
	commit := func() {
		if err := r.vol.SyncNames(r.ctx); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
		commit()
	}
	must(r.vol.Setxattr(a.Ino, "user.x", []byte("1"), 0, volume.Caller{UID: 7, Program: "setfattr"}))
	must(r.vol.Setxattr(a.Ino, "user.tags", []byte("t"), 0, volume.Caller{UID: 8}))
	op := r.change(set("a", "x", "2"))
	must(r.vol.Removexattr(a.Ino, "user.x", volume.Caller{UID: 9, Program: "R"}))
	must(r.vol.Setxattr(a.Ino, "user.x", []byte("3"), 0, volume.Caller{UID: 7}))
	if err := r.vol.Unlink(catalog.Root, "a", volume.Caller{}); err != nil {
		t.Fatal(err)
	}
	commit()
	events, err := r.MetaLog(r.ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	for _, e := range events {
		uid := "-"
		if e.UID != nil {
			uid = fmt.Sprint(*e.UID)
		}
		got = append(got, fmt.Sprintf("%s %s->%s by %s %s op %t", e.Field, text(e.Old), text(e.New), uid, e.Program, e.Op == op.Op))
	}
	want := []string{
		"x -->1 by 7 setfattr op false",
		"tags -->t by 8  op false",
		"x 1->2 by 0  op true",
		"x 2->- by 9 R op false",
		"x -->3 by 7  op false",
		"tags t->- by -  op false", // with the file
		"x 3->- by -  op false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMetadataOfAVersionComeBackOnRequest(t *testing.T) {
	r := newRig(t, schema.Field{Name: "run", Type: schema.Int})
	r.make("a")
	_, a, err := r.vol.Resolve("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.vol.Setxattr(a.Ino, "user.x", []byte("then"), 0, volume.Caller{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.vol.Seal(r.ctx, "a"); err != nil {
		t.Fatal(err)
	}
	r.change(set("a", "x", "now", "run", "2"))
	req := RestoreRequest{Path: "a", Seq: 1, To: "a", DryRun: true, Who: ada}
	if res, err := r.RestoreMeta(r.ctx, req); err != nil || res.Values != 2 || res.Op != 0 {
		t.Errorf("dry run: %+v, %v", res, err)
	}
	req.DryRun = false
	res, err := r.RestoreMeta(r.ctx, req)
	if err != nil || res.Values != 2 {
		t.Errorf("got %+v, %v", res, err)
	}
	r.want("a", "x=then")
	if _, err := r.UndoMeta(r.ctx, UndoRequest{Op: res.Op, Who: ada}); err != nil {
		t.Error(err)
	}
	r.want("a", "run=2 x=now")
	req.Seq = 7
	if _, err := r.RestoreMeta(r.ctx, req); !errors.Is(err, volume.ErrNotExist) {
		t.Errorf("a version that is not there: got %v", err)
	}
}

func TestOthersSeeOnlyWhatTheyMayRead(t *testing.T) {
	r := newRig(t)
	r.make("open/", "open/f", "shut/", "shut/f")
	r.change(set("open/f", "x", "1"), set("shut/f", "x", "1"))
	mode := uint32(0o700)
	_, a, err := r.vol.Resolve("shut")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.vol.Setattr(r.ctx, a.Ino, volume.SetAttr{Mode: &mode}, volume.Caller{}); err != nil {
		t.Fatal(err)
	}
	files, err := r.GetMeta(r.ctx, Query{Paths: []string{""}, Recursive: true, Who: carl})
	if err != nil || len(files) != 1 || files[0].Path != "open/f" {
		t.Errorf("got %+v, %v", files, err)
	}
}
