package volume

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pattern is a way in which programs save. step is called between its system
// calls.
type pattern struct {
	name string
	save func(r *rig, p, data string, step func())
	// appends: each save keeps the bytes before it.
	appends bool
}

// temp writes data to another name.
func temp(r *rig, p, data string, step func()) {
	h := r.handle(p, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	step()
	r.put(h, data, 0)
	step()
	r.release(h)
	step()
}

var patterns = []pattern{
	{name: "truncate and write", save: func(r *rig, p, data string, step func()) {
		h := r.handle(p, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
		step()
		r.put(h, data, 0)
		step()
		r.release(h)
	}},
	{name: "truncate by ftruncate", save: func(r *rig, p, data string, step func()) {
		h := r.handle(p, unix.O_RDWR|unix.O_CREAT)
		step()
		size := int64(0)
		if _, err := r.v.Setattr(bg(r.t), h.Inode(), SetAttr{Size: &size}, ada); err != nil {
			r.t.Fatal(err)
		}
		step()
		r.put(h, data, 0)
		r.release(h)
	}},
	{name: "truncate, close, open and write", save: func(r *rig, p, data string, step func()) {
		r.release(r.handle(p, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC))
		step()
		h := r.handle(p, unix.O_WRONLY)
		step()
		r.put(h, data, 0)
		r.release(h)
	}},
	{name: "in place", save: func(r *rig, p, data string, step func()) {
		h := r.handle(p, unix.O_RDWR|unix.O_CREAT)
		step()
		r.put(h, data[:1], 0)
		step()
		r.put(h, data[1:], 1)
		r.release(h)
	}},
	{name: "append", appends: true, save: func(r *rig, p, data string, step func()) {
		h := r.handle(p, unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND)
		step()
		a, err := h.Attr()
		if err != nil {
			r.t.Fatal(err)
		}
		r.put(h, data, a.Size)
		step()
		r.release(h)
	}},
	{name: "write a temporary, rename", save: func(r *rig, p, data string, step func()) {
		temp(r, p+".part", data, step)
		r.rename(p+".part", p)
	}},
	{name: "rename a temporary that is still open", save: func(r *rig, p, data string, step func()) {
		h := r.handle(p+".Xa31", unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
		r.put(h, data[:1], 0)
		step()
		r.rename(p+".Xa31", p)
		step()
		r.put(h, data[1:], 1)
		r.release(h)
	}},
	{name: "temporary from another directory", save: func(r *rig, p, data string, step func()) {
		if !r.exists("tmp") {
			r.mkdir("tmp")
		}
		temp(r, "tmp/t", data, step)
		r.rename("tmp/t", p)
	}},
	{name: "delete and create", save: func(r *rig, p, data string, step func()) {
		if r.exists(p) {
			r.unlink(p)
		}
		step()
		temp(r, p, data, step)
	}},
	{name: "delete twice and create", save: func(r *rig, p, data string, step func()) {
		for range 2 {
			if r.exists(p) {
				r.unlink(p)
			}
			step()
			temp(r, p, "probe", step)
			r.unlink(p)
			step()
		}
		temp(r, p, data, step)
	}},
	{name: "delete and rename (Excel)", save: func(r *rig, p, data string, step func()) {
		temp(r, "5A1C02EF", data, step)
		if r.exists(p) {
			r.unlink(p)
		}
		step()
		r.rename("5A1C02EF", p)
	}},
	{name: "rename away to eight digits, rename, delete (Excel)", save: func(r *rig, p, data string, step func()) {
		temp(r, "0E2D51A0", data, step)
		old := r.exists(p)
		if old {
			r.rename(p, "77EE01B3.tmp")
		}
		step()
		r.rename("0E2D51A0", p)
		step()
		if old {
			r.unlink("77EE01B3.tmp")
		}
	}},
	{name: "rename to a backup, create, delete the backup (vim)", save: func(r *rig, p, data string, step func()) {
		old := r.exists(p)
		if old {
			r.rename(p, p+"~")
		}
		step()
		temp(r, p, data, step)
		if old {
			r.unlink(p + "~")
		}
	}},
	{name: "rename to a backup that stays, create (emacs)", save: func(r *rig, p, data string, step func()) {
		if r.exists(p) {
			r.rename(p, p+"~")
		}
		step()
		temp(r, p, data, step)
	}},
	{name: "rename to a backup that stays, rename a temporary", save: func(r *rig, p, data string, step func()) {
		temp(r, p+".new", data, step)
		if r.exists(p) {
			r.rename(p, p+".bak")
		}
		step()
		r.rename(p+".new", p)
	}},
	{name: "link to a backup, rename a temporary", save: func(r *rig, p, data string, step func()) {
		temp(r, p+".new", data, step)
		if r.exists(p) {
			if r.exists(p + "~") {
				r.unlink(p + "~")
			}
			r.link(p, p+"~")
		}
		step()
		r.rename(p+".new", p)
	}},
	{name: "link to a backup, delete, create", save: func(r *rig, p, data string, step func()) {
		if r.exists(p) {
			if r.exists(p + "~") {
				r.unlink(p + "~")
			}
			r.link(p, p+"~")
			step()
			r.unlink(p)
		}
		step()
		temp(r, p, data, step)
	}},
	{name: "exchange with a temporary, delete it", save: func(r *rig, p, data string, step func()) {
		temp(r, "new", data, step)
		if !r.exists(p) {
			r.rename("new", p)
			return
		}
		r.renameFlags("new", p, RenameExchange)
		step()
		r.unlink("new")
	}},
	{name: "link a temporary, delete it (zarr)", save: func(r *rig, p, data string, step func()) {
		temp(r, p+".partial", data, step)
		if r.exists(p) {
			r.unlink(p)
		}
		step()
		r.link(p+".partial", p)
		step()
		r.unlink(p + ".partial")
	}},
	{name: "O_TMPFILE and link", save: func(r *rig, p, data string, step func()) {
		dir, name := r.at(p)
		h, _, err := r.v.Tmpfile(bg(r.t), dir, 0o644, unix.O_RDWR, ada)
		if err != nil {
			r.t.Fatal(err)
		}
		r.put(h, data, 0)
		step()
		if r.exists(p) {
			r.unlink(p)
		}
		step()
		if _, err := r.v.Link(h.Inode(), dir, name, Caller{}); err != nil {
			r.t.Fatal(err)
		}
		step()
		r.release(h)
	}},
}

// steps are the ways in which a group commit may fall between the calls of a save.
func steps(r *rig) map[string]func() {
	return map[string]func(){
		"in one epoch":         func() {},
		"an epoch each call":   r.commit,
		"10 s between calls":   func() { r.commit(); r.clock.advance(10 * time.Second) },
		"sealed between calls": func() { r.clock.advance(time.Second); r.sync() },
	}
}

func TestThreeSavesAreThreeVersionsInEveryPattern(t *testing.T) {
	for _, p := range patterns {
		for _, when := range []string{"in one epoch", "an epoch each call", "10 s between calls", "sealed between calls"} {
			t.Run(p.name+"/"+when, func(t *testing.T) {
				r := newRig(t)
				r.mkdir("d")
				step := steps(r)[when]
				want := []string{}
				for k := range 3 {
					data := fmt.Sprintf("save %d", k)
					p.save(r, "d/data.csv", data, step)
					if p.appends && k > 0 {
						data = want[k-1] + data
					}
					want = append(want, data)
					r.sync()
					if k == 0 {
						r.setxattr("d/data.csv", "user.subject", "sub-01")
						r.commit()
					}
					if got := r.xattr("d/data.csv", "user.subject"); got != "sub-01" {
						t.Errorf("after save %d the attribute is %q", k, got)
					}
					r.clock.advance(3 * time.Second)
				}
				r.wantBytes("d/data.csv", want[2])
				got := r.history("d/data.csv")
				if when == "10 s between calls" || when == "sealed between calls" {
					got = whole(got, want) // what a program leaves for a while is a version, too
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("versions: got %q, want %q", got, want)
				}
			})
		}
	}
}

// whole returns those of got that are in want.
func whole(got, want []string) (list []string) {
	for _, s := range got {
		for _, w := range want {
			if s == w {
				list = append(list, s)
			}
		}
	}
	return list
}

func TestSaveThatChangesNoByteMakesNoVersion(t *testing.T) {
	for _, p := range patterns {
		if p.appends || p.name == "delete twice and create" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			r.mkdir("d")
			for range 3 {
				p.save(r, "d/data.csv", "the same bytes", func() {})
				r.sync()
			}
			r.wantHistory("d/data.csv", "the same bytes")
		})
	}
}

func TestHistoryFollowsThePathWhenSavesMixPatterns(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	want := []string{}
	for k := range 3 * len(patterns) {
		p := patterns[k*7%len(patterns)]
		if p.appends {
			continue
		}
		data := fmt.Sprintf("save %02d", k)
		p.save(r, "d/x.dat", data, func() {})
		want = append(want, data)
		r.sync()
		r.clock.advance(3 * time.Second)
		if k == 0 {
			r.setxattr("d/x.dat", "user.a", "b")
			r.commit()
		}
		if got := r.history("d/x.dat"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("after %q: got %q, want %q", p.name, got, want)
		}
		if got := r.xattr("d/x.dat", "user.a"); got != "b" {
			t.Fatalf("after %q the attribute is %q", p.name, got)
		}
	}
}

func TestAttributeSetJustBeforeASaveSurvivesIt(t *testing.T) {
	for _, p := range patterns {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			r.mkdir("d")
			p.save(r, "d/f", "one", func() {})
			r.sync()
			r.setxattr("d/f", "user.tags", "urgent") // and no group commit before the save
			p.save(r, "d/f", "two", func() {})
			r.sync()
			if got := r.xattr("d/f", "user.tags"); got != "urgent" {
				t.Errorf("the attribute is %q", got)
			}
		})
	}
}

func TestPathKeepsItsHistoryForAMinute(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		keeps bool
	}{
		{"at once", 0, true},
		{"after 59 s", 59 * time.Second, true},
		{"after 61 s", 61 * time.Second, false},
		{"after an hour", time.Hour, false},
	} {
		for _, busy := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, drive busy %v", c.name, busy), func(t *testing.T) {
				r := newRig(t)
				r.write("f", "one")
				r.sync()
				r.setxattr("f", "user.a", "b")
				r.commit()
				r.unlink("f")
				r.commit()
				for passed := time.Duration(0); passed < c.after; passed += c.after / 10 {
					r.clock.advance(c.after / 10)
					if busy {
						r.write("other", fmt.Sprint(passed))
						r.commit()
					}
				}
				r.write("f", "two")
				r.sync()
				if c.keeps {
					r.wantHistory("f", "one", "two")
				} else {
					r.wantHistory("f", "two")
				}
				if got := r.xattr("f", "user.a") == "b"; got != c.keeps {
					t.Errorf("attribute kept: %v", got)
				}
			})
		}
	}
}

func TestRealRenameTakesItsHistoryAlong(t *testing.T) {
	r := newRig(t)
	r.write("a", "a1")
	r.sync()
	r.write("a", "a2")
	r.sync()
	r.setxattr("a", "user.k", "of a")
	r.commit()
	r.rename("a", "b")
	r.commit()
	r.wantHistory("b", "a1", "a2")
	r.write("a", "new a") // within a minute
	r.sync()
	r.wantHistory("b", "a1", "a2")
	r.wantHistory("a", "new a")
	if got := r.xattr("b", "user.k"); got != "of a" {
		t.Errorf("attribute of b: %q", got)
	}
	if got := r.xattr("a", "user.k"); got != "" {
		t.Errorf("attribute of the new a: %q", got)
	}
	r.write("b", "b3")
	r.sync()
	r.wantHistory("b", "a1", "a2", "b3")
}

func TestFileMovedOverAnotherKeepsThePathsHistoryAndItsOwnVersions(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		t.Run(fmt.Sprintf("sealed %v", sealed), func(t *testing.T) {
			r := newRig(t)
			r.write("a", "a1")
			r.write("b", "b1")
			r.sync()
			r.write("a", "a2")
			if sealed {
				r.sync()
			}
			r.commit()
			r.rename("a", "b")
			r.sync()
			r.wantBytes("b", "a2")
			r.wantHistory("b", "b1", "a2")
			if sealed {
				r.wantHistory("a", "a1", "a2") // the path is gone, its versions are not
			} else {
				r.wantHistory("a", "a1")
			}
		})
	}
}

func TestMovedContentThatWasOpenedButNotWrittenIsAVersionOfThePath(t *testing.T) {
	for _, c := range []struct {
		name  string
		touch func(h *Handle, r *rig)
	}{
		{"not written", func(*Handle, *rig) {}},
		{"written with the same bytes", func(h *Handle, r *rig) { r.put(h, "a1", 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.write("a", "a1")
			r.write("b", "b1")
			r.sync()
			h := r.handle("a", unix.O_RDWR)
			r.rename("a", "b")
			c.touch(h, r)
			r.release(h)
			r.sync()
			r.wantBytes("b", "a1")
			r.wantHistory("b", "b1", "a1")
		})
	}
}

func TestExchangeLeavesHistoryWithThePaths(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		t.Run(fmt.Sprintf("sealed %v", sealed), func(t *testing.T) {
			r := newRig(t)
			for _, p := range []string{"a", "b"} {
				r.write(p, p+"1")
				r.sync()
				r.setxattr(p, "user.path", p)
			}
			r.write("a", "a2")
			r.write("b", "b2")
			if sealed {
				r.sync()
			}
			r.renameFlags("a", "b", RenameExchange)
			r.sync()
			r.wantBytes("a", "b2")
			r.wantBytes("b", "a2")
			if sealed {
				r.wantHistory("a", "a1", "a2", "b2")
				r.wantHistory("b", "b1", "b2", "a2")
			} else {
				r.wantHistory("a", "a1", "b2")
				r.wantHistory("b", "b1", "a2")
			}
			for _, p := range []string{"a", "b"} {
				// Attributes that an inode brings win over those of the path.
				if got, want := r.xattr(p, "user.path"), map[string]string{"a": "b", "b": "a"}[p]; got != want {
					t.Errorf("attribute of %s: %q, want %q", p, got, want)
				}
			}
			r.renameFlags("a", "b", RenameExchange)
			r.sync()
			r.wantBytes("a", "a2")
		})
	}
}

func TestHardLinksShareOneHistory(t *testing.T) {
	r := newRig(t)
	r.write("a", "one")
	r.sync()
	r.link("a", "b")
	r.write("b", "two")
	r.sync()
	r.wantBytes("a", "two")
	r.wantHistory("a", "one", "two")
	r.wantHistory("b", "one", "two")
	r.unlink("a")
	r.commit()
	r.write("b", "three")
	r.sync()
	r.wantHistory("b", "one", "two", "three")
	r.write("a", "new") // the file lives on as b
	r.sync()
	r.wantHistory("a", "new")
	r.wantHistory("b", "one", "two", "three")
}

func TestBackupIsAFileOfItsOwn(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	r.write("f", "two")
	r.sync()
	r.setxattr("f", "user.a", "b")
	r.commit()
	r.rename("f", "f~")
	r.write("f", "three")
	r.sync()
	r.wantHistory("f", "one", "two", "three")
	r.wantHistory("f~", "two")
	if r.attr("f").File == r.attr("f~").File {
		t.Error("both are one file")
	}
	if got := r.xattr("f~", "user.a"); got != "b" {
		t.Errorf("attribute of the backup: %q", got)
	}
	r.setxattr("f~", "user.a", "c")
	if got := r.xattr("f", "user.a"); got != "b" {
		t.Errorf("attribute of the file: %q", got)
	}
	r.write("f~", "edited backup")
	r.sync()
	r.wantHistory("f", "one", "two", "three")
	r.wantHistory("f~", "two", "edited backup")
}

func TestTwoClosesWithinTheQuietWindowAreOneVersion(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.clock.advance(4 * time.Millisecond)
	r.write("f", "one, and more")
	r.sync()
	r.wantHistory("f", "one, and more")
}

func TestAttributeRemovedJustBeforeASaveStaysRemoved(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.setxattr("f", "user.a", "b")
	r.sync()
	if err := r.v.Removexattr(r.attr("f").Ino, "user.a", ada); err != nil {
		t.Fatal(err)
	}
	r.unlink("f")
	r.write("f", "two")
	if got := r.xattr("f", "user.a"); got != "" {
		t.Errorf("the attribute is back: %q", got)
	}
}
