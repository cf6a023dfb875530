package volume

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// wantOneHolder checks that no two live files have one history.
func (r *rig) wantOneHolder() {
	r.t.Helper()
	of := make(map[catalog.FileID]string)
	err := r.v.cat.View(func(tx *catalog.Tx) error {
		return tx.Nodes(0, func(i catalog.Inode, row *catalog.Node) bool {
			p, _ := tx.Path(i)
			if other, twice := of[row.File]; twice && row.IsRegular() {
				r.t.Errorf("%s and %s have one history, %d", p, other, row.File)
			}
			of[row.File] = p
			return true
		})
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// A history that its path could claim once more is held by somebody else by then.
func TestHistoryHasOneHolder(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *rig)
		f    []string // the versions of f in the end
	}{
		{"restored, moved away, made anew", func(r *rig) {
			r.unlink("f")
			r.restore(RestoreRequest{Path: "f", Seq: 1})
			r.rename("f", "g")
			r.write("f", "new")
		}, []string{"new"}},
		{"restored, moved away, restored once more", func(r *rig) {
			r.unlink("f")
			r.restore(RestoreRequest{Path: "f", Seq: 1})
			r.rename("f", "g")
			r.commit()
			r.restore(RestoreRequest{Path: "f", Seq: 2})
		}, []string{"two"}},
		{"moved away, restored", func(r *rig) {
			r.rename("f", "g")
			r.commit()
			r.restore(RestoreRequest{Path: "f", Seq: 1})
		}, []string{"one"}},
		{"removed while open, made anew, linked to another name", func(r *rig) {
			h := r.handle("f", unix.O_RDONLY)
			r.unlink("f")
			r.write("f", "new")
			if _, err := r.v.Link(h.Inode(), Root, "g", Caller{}); err != nil {
				r.t.Fatal(err)
			}
			r.release(h)
		}, []string{"one", "two", "new"}},
		{"removed while open, linked to another name, made anew", func(r *rig) {
			h := r.handle("f", unix.O_RDONLY)
			r.unlink("f")
			if _, err := r.v.Link(h.Inode(), Root, "g", Caller{}); err != nil {
				r.t.Fatal(err)
			}
			r.release(h)
			r.write("f", "new")
		}, []string{"new"}},
		{"removed while written, made anew, linked to another name", func(r *rig) {
			h := r.handle("f", unix.O_RDWR)
			r.put(h, "TWO", 0)
			r.unlink("f")
			r.write("f", "new")
			if _, err := r.v.Link(h.Inode(), Root, "g", Caller{}); err != nil {
				r.t.Fatal(err)
			}
			r.release(h)
		}, []string{"one", "two", "new"}},
		{"both hard links removed, both made anew", func(r *rig) {
			r.link("f", "g")
			r.commit()
			r.unlink("f")
			r.unlink("g")
			r.write("f", "new")
			r.write("g", "other")
		}, []string{"new"}},
		{"moved over another, made anew", func(r *rig) {
			r.write("g", "other")
			r.sync()
			r.rename("f", "g")
			r.write("f", "new")
		}, []string{"new"}},
		{"backup removed, made anew", func(r *rig) {
			r.rename("f", "f~")
			r.unlink("f~")
			r.write("f~", "other")
			r.write("f", "new")
		}, []string{"new"}},
	} {
		for _, commits := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, an epoch before %v", c.name, commits), func(t *testing.T) {
				r := newRig(t)
				r.write("f", "one")
				r.sync()
				r.write("f", "two")
				r.sync()
				if commits {
					r.commit()
				}
				c.do(r)
				r.wantOneHolder()
				r.sync()
				r.wantOneHolder()
				r.wantHistory("f", c.f...)
			})
		}
	}
}

func TestRestoreOverOneOfSeveralNamesOfAnOpenFileIsRefused(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	r.write("f", "two")
	r.sync()
	r.link("f", "g")
	h := r.handle("f", unix.O_RDONLY)
	if _, err := r.v.Restore(bg(t), RestoreRequest{Path: "f", Seq: 1}); !errors.Is(err, ErrBusy) {
		t.Errorf("restore: %v", err)
	}
	r.wantOneHolder()
	r.wantBytes("f", "two")
	r.release(h)
	r.restore(RestoreRequest{Path: "f", Seq: 1})
	r.wantBytes("g", "one")
}

func TestTombOfARenamedFileDoesNotBringItsAttributesBack(t *testing.T) {
	r := newRig(t)
	save := func(data, tag string) {
		r.write("t", data)
		if tag != "" {
			r.setxattr("t", "user.tag", tag)
		}
		r.rename("t", "f")
		r.commit()
		r.sync()
	}
	save("one", "old")
	r.setxattr("f", "user.tag", "new")
	save("two", "")
	r.clock.advance(time.Second)
	save("three", "")
	if got := r.xattr("f", "user.tag"); got != "new" {
		t.Errorf("the attribute is %q", got)
	}
	r.wantHistory("f", "one", "two", "three")
}

func TestFailedSetxattrLeavesNothingInMemory(t *testing.T) {
	r := newRig(t)
	h := r.handle("f", unix.O_RDWR|unix.O_CREAT)
	if err := r.v.Setxattr(h.Inode(), "user.a", nil, AttrReplace, ada); !errors.Is(err, ErrNoAttr) {
		t.Errorf("setxattr: %v", err)
	}
	if err := r.v.Removexattr(h.Inode(), "user.a", ada); !errors.Is(err, ErrNoAttr) {
		t.Errorf("removexattr: %v", err)
	}
	r.release(h)
	r.sync()
	for _, n := range r.v.nodes.inUse() {
		t.Errorf("node %d is in memory with %d references", n.ino, n.refs-1)
		r.v.nodes.release(n)
	}
}
