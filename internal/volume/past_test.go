package volume

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// pastLookup walks a path at the end of an epoch.
func (r *rig) pastLookup(e catalog.Epoch, p string) (a Attr, err error) {
	r.t.Helper()
	a.Ino = Root
	for _, name := range strings.Split(p, "/") {
		if a, err = r.v.Past(e).Lookup(a.Ino, name); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (r *rig) epochOf(name string) catalog.Epoch {
	r.t.Helper()
	in, err := r.v.Instant(name)
	if err != nil {
		r.t.Fatal(err)
	}
	return in.Epoch
}

func TestPastIsWhatWasThen(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.mkdir("d/sub")
	r.write("d/f", "one")
	r.link("d/f", "d/sub/hard")
	dir, name := r.at("d/soft")
	if _, err := r.v.Symlink(dir, name, "to/there", ada); err != nil {
		t.Fatal(err)
	}
	r.setxattr("d/f", "user.k", "then")
	mode, uid := uint32(0o4750), uint32(77)
	if _, err := r.v.Setattr(bg(t), r.attr("d/f").Ino, SetAttr{Mode: &mode, UID: &uid}, ada); err != nil {
		t.Fatal(err)
	}
	r.sync()
	live := r.attr("d/f")
	d := r.attr("d").Ino
	r.snapshot("s")

	r.clock.advance(time.Hour)
	r.setxattr("d/f", "user.k", "now")
	r.setxattr("d/f", "user.new", "now")
	mode = 0o600
	if _, err := r.v.Setattr(bg(t), live.Ino, SetAttr{Mode: &mode}, ada); err != nil {
		t.Fatal(err)
	}
	r.write("d/f", "two")
	r.unlink("d/soft")
	r.rename("d/sub", "elsewhere")
	r.rename("d", "e")
	r.sync()

	e := r.epochOf("s")
	p := r.v.Past(e)
	a := r.pastAttr(e, "d/f")
	if a.Ino != live.Ino || a.Mode != live.Mode || a.UID != 77 || a.Nlink != 2 || a.Size != 3 || a.Mtime != live.Mtime || a.Ctime != live.Ctime || a.Mode&0o7777 != 0o4750 {
		t.Errorf("got %+v\nwant %+v", a, live)
	}
	if got := r.pastRead(e, "d/f"); got != "one" {
		t.Errorf("read %q", got)
	}
	if got := r.pastAttr(e, "d/sub/hard"); got.Ino != live.Ino {
		t.Errorf("the hard link is inode %d, want %d", got.Ino, live.Ino)
	}
	if target, err := p.Readlink(r.pastAttr(e, "d/soft").Ino); err != nil || target != "to/there" {
		t.Errorf("the link says %q, %v", target, err)
	}
	if _, err := p.Readlink(d); !errors.Is(err, ErrInvalid) {
		t.Errorf("readlink of a directory: %v", err)
	}
	for attr, want := range map[string]string{"user.k": "then", "user.rdfs.seq": "1", "user.rdfs.state": "stored", "user.rdfs.blake3": live.Content.String()} {
		if val, err := p.Getxattr(live.Ino, attr); err != nil || string(val) != want {
			t.Errorf("%s is %q, %v; want %q", attr, val, err, want)
		}
	}
	if val, err := p.Getxattr(live.Ino, "user.new"); !errors.Is(err, ErrNoAttr) {
		t.Errorf("an attribute that was set later is %q, %v", val, err)
	}
	if names, err := p.Listxattr(live.Ino); err != nil || !slices.Equal(names, []string{"user.k"}) {
		t.Errorf("attributes %v, %v", names, err)
	}
	for _, plus := range []bool{false, true} {
		list, err := p.ReadDir(d, "", 10, plus)
		var names []string
		for _, x := range list {
			names = append(names, x.Name)
			if plus && x.Name == "f" && x.Size != 3 {
				t.Errorf("listed: %+v", x)
			}
		}
		if err != nil || !slices.Equal(names, []string{"f", "soft", "sub"}) {
			t.Errorf("listed %v, %v", names, err)
		}
	}
	for _, gone := range []string{"e", "elsewhere", "d/nothing"} {
		if _, err := r.pastLookup(e, gone); !errors.Is(err, ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	if _, err := p.Lookup(Root, strings.Repeat("n", MaxName+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("a long name: %v", err)
	}
	if _, _, err := p.Open(bg(t), d); !errors.Is(err, ErrIsDir) {
		t.Errorf("open a directory: %v", err)
	}
	if _, err := p.ReadDir(live.Ino, "", 10, true); !errors.Is(err, ErrNotDir) {
		t.Errorf("list a file: %v", err)
	}
}

func TestADirectoryOfNowHasAPast(t *testing.T) {
	r := newRig(t)
	r.mkdir("a")
	r.mkdir("a/b")
	r.mkdir("a/b/c")
	r.write("a/file", "x")
	b := r.attr("a/b").Ino
	c := r.attr("a/b/c").Ino
	r.snapshot("s")
	p := r.v.Past(r.epochOf("s"))

	r.rename("a/b", "moved")
	r.mkdir("a/b") // another directory at the old place
	r.mkdir("a/b/c")
	r.mkdir("a/b/c/new")
	r.unlink("a/file")
	r.mkdir("a/file")
	r.snapshot("t")
	for path, want := range map[string]Inode{"": Root, "a": r.attr("a").Ino, "moved": b, "moved/c": c, "a/b": b, "a/b/c": c} {
		ino, _, err := r.v.Resolve(path)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := p.Dir(ino); err != nil || a.Ino != want {
			t.Errorf("%q was inode %d, %v; want %d", path, a.Ino, err, want)
		}
	}
	for path, want := range map[string]error{"a/b/c/new": ErrNotExist, "a/file": ErrNotDir} {
		if a, err := p.Dir(r.attr(path).Ino); !errors.Is(err, want) {
			t.Errorf("%s was inode %d, %v; want %v", path, a.Ino, err, want)
		}
	}
	names := func(dir string, limit int) (names []string) {
		after := ""
		for {
			list, err := r.v.Instants(r.attr(dir).Ino, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				return names
			}
			for _, in := range list {
				names = append(names, in.Name)
				after = in.Name
			}
		}
	}
	for dir, want := range map[string][]string{"": {"s", "t"}, "a/b": {"s", "t"}, "a/b/c/new": {"t"}, "a/file": {"t"}} {
		for limit := 1; limit < 4; limit++ {
			if got := names(dir, limit); !slices.Equal(got, want) {
				t.Errorf("%q knows the snapshots %q, want %q", dir, got, want)
			}
		}
	}
}

func TestInstantsThatAreNone(t *testing.T) {
	r := newRig(t)
	r.write("f", "x")
	r.snapshot("s")
	for name, want := range map[string]error{
		"nobody": ErrNotExist, "": ErrNotExist, "\n": ErrNotExist, "\xff": ErrNotExist, "@": ErrNotExist, "@@": ErrNotExist, "@s": ErrNotExist,
		"@2999-01-01": ErrNotExist, "@2020-01-01": ErrNotExist, "@0001-01-01": ErrNotExist, "@-5m": ErrNotExist, "@GMT-2026.13.45-99.00.00": ErrNotExist,
		"@-999999999y": ErrNotExist, strings.Repeat("s", MaxName): ErrNotExist, strings.Repeat("s", MaxName+1): ErrTooLong,
		"@" + strings.Repeat("1", MaxName): ErrTooLong,
	} {
		if in, err := r.v.Instant(name); !errors.Is(err, want) {
			t.Errorf("%q is %+v, %v", name, in, err)
		}
	}
}

// What a relative moment means is kept for a tenth of its age, and a minute at most.
func TestInstantsOfMomentsAreKeptForAWhile(t *testing.T) {
	r := newRig(t)
	r.snapshot("s")
	r.clock.advance(48 * time.Hour)
	for name, want := range map[string]time.Duration{"s": 0, "@-2h": time.Minute, "@-1min": 6 * time.Second, "@now": 0, "@-24h": time.Minute} {
		if in, err := r.v.Instant(name); err != nil || in.Keep != want {
			t.Errorf("%s is kept for %v, %v; want %v", name, in.Keep, err, want)
		}
	}
}

func TestAForgottenEpochIsNotShown(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.snapshot("s")
	r.clock.advance(time.Hour)
	r.write("f", "two")
	i := r.attr("f").Ino
	r.sync()
	r.clock.advance(2 * time.Minute)
	e := r.epochOf("@-1min")
	r.clock.advance(time.Hour)
	r.write("f", "three")
	r.sync()
	dropped := r.epochOf("s")
	raise := func() {
		if err := r.v.cat.Update(func(tx *catalog.Tx) error { tx.RaiseHorizon(tx.Epoch() - 1); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	raise()
	if in, err := r.v.Instant("@-1h"); !errors.Is(err, ErrNotExist) || !strings.Contains(err.Error(), "no longer kept") {
		t.Errorf("a forgotten moment is %+v, %v", in, err)
	}
	if _, err := r.v.Past(e).Getattr(i); !errors.Is(err, ErrNotExist) || e == dropped {
		t.Errorf("a file of a forgotten moment: %v", err)
	}
	if got := r.pastRead(dropped, "f"); got != "one" {
		t.Errorf("the snapshot shows %q", got)
	}
	if err := r.v.DropSnapshot(bg(t), "s", root); err != nil {
		t.Fatal(err)
	}
	if _, err := r.v.Past(dropped).Getattr(i); !errors.Is(err, ErrNotExist) {
		t.Errorf("a file of a dropped and forgotten snapshot: %v", err)
	}
}

func TestContentOfTheDroppedSnapshotStaysReadableWhileOpen(t *testing.T) {
	r := newRig(t)
	data := random(SmallFile+1, 1)
	r.write("f", data)
	r.snapshot("s")
	e := r.epochOf("s")
	c, _, err := r.v.Past(e).Open(bg(t), r.attr("f").Ino)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r.write("f", "other")
	r.sync()
	if err := r.v.DropSnapshot(bg(t), "s", root); err != nil {
		t.Fatal(err)
	}
	r.dropCache()
	if got, err := readAll(bg(t), c.ReadAt); err != nil || got != data {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if off, err := c.Seek(10, unix.SEEK_DATA); err != nil || off != 10 {
		t.Errorf("data at %d, %v", off, err)
	}
	if off, err := c.Seek(10, unix.SEEK_HOLE); err != nil || off != int64(len(data)) {
		t.Errorf("hole at %d, %v", off, err)
	}
	if _, err := c.Seek(int64(len(data)), unix.SEEK_DATA); !errors.Is(err, ErrNoData) {
		t.Errorf("data after the end: %v", err)
	}
}
