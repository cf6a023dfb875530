package search

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/volume"
)

func TestTheIndexFollowsWhatChanges(t *testing.T) {
	r := newRig(t)
	r.make("exp/", "exp/sub-01/", "exp/sub-01/eeg.edf", "exp/notes.txt", "other.csv")
	r.set("exp", "tags", "pilot")
	r.set("exp/sub-01/eeg.edf", "quality", "0.9")
	r.set("exp/sub-01/eeg.edf", "sides", "left,right")
	r.ready()
	r.want("tag:pilot", "exp/notes.txt exp/sub-01/eeg.edf")
	r.want("quality:>0.5 sides:right", "exp/sub-01/eeg.edf")
	r.want("room:1", "exp/notes.txt exp/sub-01/eeg.edf other.csv")
	r.want("state:draft eeg", "exp/sub-01/eeg.edf")

	r.must(r.vol.Rename(catalog.Root, "exp", catalog.Root, "study", 0, volume.Caller{}))
	r.ready()
	r.want("path:study", "study/notes.txt study/sub-01/eeg.edf")
	r.want("path:exp", "")

	r.must(r.vol.Removexattr(r.at("study"), "user.tags", volume.Caller{}))
	r.must(r.vol.Unlink(r.at("study"), "notes.txt", volume.Caller{}))
	r.ready()
	r.want("tag:pilot", "")
	r.want("", "other.csv study/sub-01/eeg.edf")
	r.checkRebuilt("at the end")
}

func TestTheIndexIsReadAgain(t *testing.T) {
	r := newRig(t)
	r.make("a", "b")
	r.ready()
	r.Close(r.ctx)
	r.make("c")
	r.again()
	if why := r.load(); why != "" {
		t.Fatal(why)
	}
	r.again()
	r.ready()
	r.want("", "a b c")
	for name, spoil := range map[string]func(){
		"another configuration": func() { r.Search.o.Made = "another" },
		"a damaged file":        func() { r.must(os.WriteFile(filepath.Join(r.dir, "index"), []byte("x"), 0o600)) },
		"no file":               func() { r.must(os.Remove(filepath.Join(r.dir, "index"))) },
	} {
		spoil()
		r.again()
		if why := r.load(); why == "" {
			t.Errorf("%s: was taken for good", name)
		}
		r.ready()
		r.want("", "a b c")
		r.Search.o.Made = "test"
		r.Close(r.ctx)
	}
}

func TestAFullDiskLeavesTheIndexOfBefore(t *testing.T) {
	r := newRig(t)
	r.make("a")
	r.ready()
	r.Close(r.ctx)
	full := true
	r.Search.o.FS = disk.NewFaulty(disk.OS, func(op disk.Op, _ string) error {
		if full && op == disk.OpWrite {
			return syscall.ENOSPC
		}
		return nil
	})
	r.make("b")
	r.ready()
	if err := r.write(r.ctx); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want a full disk", err)
	}
	r.want("", "a b")
	full = false
	r.again()
	r.ready()
	r.want("", "a b")
}

func TestSearchingTheKnownPast(t *testing.T) {
	r := newRig(t)
	r.make("a", "d/", "d/b")
	r.set("a", "tags", "raw")
	_, err := r.vol.TakeSnapshot(r.ctx, volume.SnapshotRequest{Name: "before"})
	r.must(err)
	r.set("a", "tags", "clean")
	r.must(r.vol.Unlink(r.at("d"), "b", volume.Caller{}))
	r.ready()
	then := Request{At: volume.Moment{Name: "before"}}
	for text, want := range map[string]string{"tag:raw": "a", "tag:clean": "", "": "a d/b"} {
		if got := r.finds(text, then); got != want {
			t.Errorf("%s before: got %s, want %s", text, got, want)
		}
	}
	r.want("tag:raw", "")
	if _, err := r.Find(r.ctx, Request{At: volume.Moment{Name: "never"}}); !errors.Is(err, volume.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestEachVersionIsFoundByItself(t *testing.T) {
	r := newRig(t)
	r.make("a")
	for i, text := range []string{"one", "one two", "one two three"} {
		h, err := r.vol.Open(r.ctx, r.at("a"), os.O_WRONLY|os.O_TRUNC, volume.Caller{})
		r.must(err)
		_, err = h.WriteAt([]byte(text), 0)
		r.must(err)
		h.Release()
		_, err = r.vol.Seal(r.ctx, "a")
		r.must(err)
		r.set("a", "round", fmt.Sprint(i))
	}
	r.ready()
	res, err := r.Find(r.ctx, Request{Query: "size:<10", Versions: true, Limit: 10, Sort: []string{"version"}})
	r.must(err)
	if len(res.Hits) != 2 || res.Hits[0].Path != "a" || res.Hits[0].Fields["version"][0] != "1" || res.Hits[1].Size != 7 {
		t.Errorf("got %+v", res.Hits)
	}
}

func TestAWrongQueryIsTheCallersMistake(t *testing.T) {
	r := newRig(t)
	r.make("a")
	if _, err := r.Find(r.ctx, Request{}); !errors.Is(err, ErrNotReady) {
		t.Errorf("got %v", err)
	}
	r.ready()
	for _, req := range []Request{{Query: "a AND"}, {Query: "qualty:1"}, {Sort: []string{"name:up"}}, {Limit: 1, After: "x"}, {Facets: []string{"size"}}} {
		if _, err := r.Find(r.ctx, req); !errors.Is(err, volume.ErrInvalid) {
			t.Errorf("%+v: got %v", req, err)
		}
	}
}

// A history at random: after each part of it the index that followed, perhaps after a
// kill that lost what was not written, is the one that is made from nothing.
func TestAFollowerIsEqualToARebuild(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		seed := uint64(time.Now().UnixNano())
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			r := newRig(t)
			for range 25 {
				for range 1 + rng.IntN(20) {
					r.random(rng)
				}
				switch rng.IntN(6) {
				case 0:
					r.ready()
					r.must(r.write(r.ctx))
				case 1:
					r.again()
				}
				r.ready()
				r.checkRebuilt("after a part")
			}
		})
	}
}

// random does one thing; that it cannot be done is well.
func (r *rig) random(rng *rand.Rand) {
	names := []string{"a", "b", "c.csv", "d.edf"}
	dirs := []catalog.Inode{catalog.Root}
	var files, all []catalog.Inode
	r.must(r.vol.Catalog().View(func(tx *catalog.Tx) error {
		return tx.Nodes(0, func(i catalog.Inode, n *catalog.Node) bool {
			all = append(all, i)
			if n.IsDir() {
				dirs = append(dirs, i)
			} else {
				files = append(files, i)
			}
			return true
		})
	}))
	dir, to := dirs[rng.IntN(len(dirs))], dirs[rng.IntN(len(dirs))]
	name, other := names[rng.IntN(len(names))], names[rng.IntN(len(names))]
	any := all[rng.IntN(len(all))]
	var none volume.Caller
	switch rng.IntN(11) {
	case 0:
		r.vol.Mkdir(dir, name, 0o755, none)
	case 1, 2:
		if h, _, err := r.vol.Create(r.ctx, dir, name, 0o644, os.O_WRONLY, none); err == nil {
			h.WriteAt([]byte(strings.Repeat("x", rng.IntN(100))), 0)
			h.Release()
		}
	case 3, 4:
		r.vol.Rename(dir, name, to, other, 0, none)
	case 5:
		r.vol.Unlink(dir, name, none)
	case 6:
		r.vol.Rmdir(dir, name, none)
	case 7:
		if len(files) > 0 {
			r.vol.Link(files[rng.IntN(len(files))], dir, name, none)
		}
	case 8:
		mode := []uint32{0o755, 0o700, 0o711, 0o644}[rng.IntN(4)]
		r.vol.Setattr(r.ctx, any, volume.SetAttr{Mode: &mode}, none)
	case 9:
		attr := []string{"user.tags", "user.quality", "user.notes", "user.xdg.comment", "user.sides"}[rng.IntN(5)]
		if rng.IntN(3) == 0 {
			r.vol.Removexattr(any, attr, none)
			return
		}
		value := []string{"x", "y,z", "0.5", "many words for a note that is longer than what is kept as it is in the index"}[rng.IntN(4)]
		r.vol.Setxattr(any, attr, []byte(value), 0, none)
	case 10:
		if p, err := r.vol.PathOf(any); err == nil {
			r.vol.Seal(r.ctx, p)
		}
	}
}
