package volume

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// threeSaves makes a file with three versions, a minute apart.
func threeSaves(r *rig, p string) {
	for _, data := range []string{"one", "two", "three"} {
		r.write(p, data)
		r.sync()
		r.clock.advance(time.Minute)
	}
}

func (r *rig) restore(q RestoreRequest) RestoreResult {
	r.t.Helper()
	res, err := r.v.Restore(bg(r.t), q)
	if err != nil {
		r.t.Fatalf("restore %+v: %v", q, err)
	}
	return res
}

func TestRestoreMakesAnEarlierVersionTheNewest(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	threeSaves(r, "d/f")
	r.setxattr("d/f", "user.a", "b")
	ino := r.attr("d/f").Ino
	puts := r.store.puts

	res := r.restore(RestoreRequest{Path: "d/f", Seq: 1, DryRun: true})
	if !res.Changed || res.NewSeq != 0 || res.From.Seq != 1 {
		t.Errorf("dry run: %+v", res)
	}
	r.wantBytes("d/f", "three")

	res = r.restore(RestoreRequest{Path: "d/f", Seq: 1})
	if !res.Changed || res.NewSeq != 4 || res.Path != "d/f" {
		t.Errorf("restore: %+v", res)
	}
	r.wantBytes("d/f", "one")
	r.wantHistory("d/f", "one", "two", "three", "one")
	if r.store.puts != puts {
		t.Error("bytes were stored")
	}
	if a := r.attr("d/f"); a.Ino != ino || a.Size != 3 {
		t.Errorf("attributes: %+v", a)
	}
	if got := r.xattr("d/f", "user.a"); got != "b" {
		t.Errorf("attribute %q", got)
	}
	list, err := r.v.Log(bg(t), "d/f")
	if err != nil || !list[3].Current || list[2].Current || !strings.Contains(list[3].Note, "version 1") {
		t.Errorf("log: %+v, %v", list, err)
	}
	res = r.restore(RestoreRequest{Path: "d/f", Seq: 1})
	if res.Changed || res.NewSeq != 0 {
		t.Errorf("restore of what is there: %+v", res)
	}
	r.wantHistory("d/f", "one", "two", "three", "one")
	r.write("d/f", "four")
	r.sync()
	r.wantHistory("d/f", "one", "two", "three", "one", "four")
}

func TestRestoreOfAMoment(t *testing.T) {
	r := newRig(t)
	start := r.clock.now()
	threeSaves(r, "f")
	if _, err := r.v.Restore(bg(t), RestoreRequest{Path: "f", At: start.Add(-time.Hour)}); err == nil {
		t.Error("restored from before the first version")
	}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{30 * time.Second, "one"}, {90 * time.Second, "two"}, {150 * time.Second, "three"}} {
		r.restore(RestoreRequest{Path: "f", At: start.Add(c.after)})
		r.wantBytes("f", c.want)
	}
}

func TestRestoreToAnotherPath(t *testing.T) {
	r := newRig(t)
	threeSaves(r, "f")
	r.setxattr("f", "user.a", "b")
	r.sync()
	r.write("f", "four") // so that the attribute belongs to a version
	r.sync()
	r.mkdir("d")
	res := r.restore(RestoreRequest{Path: "f", Seq: 2, To: "d/copy"})
	if res.NewSeq != 1 || res.Path != "d/copy" {
		t.Errorf("%+v", res)
	}
	r.wantBytes("d/copy", "two")
	r.wantHistory("d/copy", "two")
	r.wantBytes("f", "four")
	r.restore(RestoreRequest{Path: "f", Seq: 4, To: "d/copy2"})
	if got := r.xattr("d/copy2", "user.a"); got != "b" {
		t.Errorf("attribute %q", got)
	}
	r.restore(RestoreRequest{Path: "f", Seq: 1, To: "d/copy"}) // over a file: its next version
	r.wantHistory("d/copy", "two", "one")
	for _, bad := range []string{"d", "nowhere/f", "d/.versions", ""} {
		q := RestoreRequest{Path: "f", Seq: 1, To: bad}
		if bad == "" {
			q = RestoreRequest{Path: "f", Seq: 9}
		}
		if res, err := r.v.Restore(bg(t), q); err == nil {
			t.Errorf("restore %+v: %+v", q, res)
		}
	}
}

func TestRestoreOfADeletedFile(t *testing.T) {
	for _, after := range []time.Duration{0, time.Hour} {
		t.Run(after.String(), func(t *testing.T) {
			r := newRig(t)
			threeSaves(r, "f")
			r.setxattr("f", "user.a", "b")
			r.sync()
			r.write("f", "four")
			r.sync()
			r.unlink("f")
			r.commit()
			r.clock.advance(after)
			r.wantHistory("f", "one", "two", "three", "four")
			list, err := r.v.Log(bg(t), "f")
			if err != nil {
				t.Fatal(err)
			}
			for _, ver := range list {
				if ver.Current {
					t.Errorf("version %d of a deleted file is current", ver.Seq)
				}
			}
			res := r.restore(RestoreRequest{Path: "f", Seq: 4})
			if res.NewSeq != 5 || !res.Changed {
				t.Errorf("%+v", res)
			}
			r.wantBytes("f", "four")
			if got := r.xattr("f", "user.a"); got != "b" {
				t.Errorf("attribute %q", got)
			}
			r.wantHistory("f", "one", "two", "three", "four", "four")
			r.write("f", "five")
			r.sync()
			r.wantHistory("f", "one", "two", "three", "four", "four", "five")
		})
	}
}

func TestRestoreWhileTheFileIsOpen(t *testing.T) {
	for _, flags := range []int{unix.O_RDONLY, unix.O_RDWR} {
		for _, pass := range []bool{false, true} {
			t.Run(fmt.Sprintf("flags %d, passthrough %v", flags, pass), func(t *testing.T) {
				r := newRig(t)
				r.v.SetPassthrough(pass)
				threeSaves(r, "f")
				h := r.handle("f", flags)
				want := []string{"one", "two", "three", "one"}
				if flags == unix.O_RDWR {
					r.put(h, "THREE", 0)
					want = []string{"one", "two", "three", "THREE", "one"} // what it held stays a version
				}
				r.restore(RestoreRequest{Path: "f", Seq: 1})
				r.wantBytes("f", "one")
				r.get(h) // the program goes on with the old file
				r.release(h)
				r.sync()
				r.wantBytes("f", "one")
				r.wantHistory("f", want...)
			})
		}
	}
}

func TestRestoreKeepsAnUnsealedSave(t *testing.T) {
	r := newRig(t)
	threeSaves(r, "f")
	r.write("f", "four")
	r.restore(RestoreRequest{Path: "f", Seq: 1})
	r.wantBytes("f", "one")
	r.wantHistory("f", "one", "two", "three", "four", "one")
}

func TestRestoreIsForTheOwner(t *testing.T) {
	r := newRig(t)
	threeSaves(r, "f") // ada's
	mode := uint32(0o755)
	if _, err := r.v.Setattr(bg(t), Root, SetAttr{Mode: &mode}, Caller{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		q    RestoreRequest
		want error
	}{
		{"root", RestoreRequest{Path: "f", Seq: 1}, nil},
		{"the owner", RestoreRequest{Path: "f", Seq: 2, UID: ada.UID, GID: ada.GID}, nil},
		{"somebody else", RestoreRequest{Path: "f", Seq: 1, UID: 4711, GID: 4711}, ErrPerm},
		{"the owner, into a directory of root", RestoreRequest{Path: "f", Seq: 1, To: "g", UID: ada.UID, GID: ada.GID}, ErrAccess},
	} {
		_, err := r.v.Restore(bg(t), c.q)
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	r.wantBytes("f", "two")
	r.unlink("f")
	if _, err := r.v.Restore(bg(t), RestoreRequest{Path: "f", Seq: 1, UID: ada.UID, GID: ada.GID}); !errors.Is(err, ErrAccess) {
		t.Errorf("deleted, in a directory of root: %v", err)
	}
}

func TestRestoreNeedsNoBytes(t *testing.T) {
	r := newRig(t)
	data := random(fetchWhole+1<<20, 1)
	r.write("f", data)
	r.sync()
	r.write("f", "small")
	r.sync()
	r.dropCache()
	r.store.failReads(blob.ErrOffline)
	r.restore(RestoreRequest{Path: "f", Seq: 1})
	r.store.failReads(nil)
	r.wantBytes("f", data)
}

func TestSealOfAnOpenFileIsAVersion(t *testing.T) {
	r := newRig(t)
	h := r.handle("log", unix.O_RDWR|unix.O_CREAT)
	r.put(h, "first", 0)
	info, err := r.v.Seal(bg(t), "log")
	if err != nil || info.Seq != 1 || info.Size != 5 || info.UID != ada.UID {
		t.Fatalf("seal: %+v, %v", info, err)
	}
	if info, err = r.v.Seal(bg(t), "log"); err != nil || info.Seq != 1 {
		t.Errorf("a second seal without a change: %+v, %v", info, err)
	}
	r.put(h, "second", 5)
	if info, err = r.v.Seal(bg(t), "log"); err != nil || info.Seq != 2 {
		t.Errorf("seal: %+v, %v", info, err)
	}
	r.release(h)
	r.sync()
	r.wantHistory("log", "first", "firstsecond")
	if got := r.xattr("log", "user.rdfs.seq"); got != "2" {
		t.Errorf("seq %q", got)
	}
	h = r.handle("log", unix.O_RDWR)
	r.put(h, "third", 11)
	if _, err = r.v.Seal(bg(t), "log"); err != nil {
		t.Fatal(err)
	}
	r.put(h, "fourth", 16)
	r.release(h)
	r.sync()
	r.wantHistory("log", "first", "firstsecond", "firstsecondthird", "firstsecondthirdfourth")
	if info, err = r.v.Seal(bg(t), "log"); err != nil || info.Seq != 4 { // closed
		t.Errorf("seal: %+v, %v", info, err)
	}
	if _, err = r.v.Seal(bg(t), "/"); !errors.Is(err, ErrInvalid) {
		t.Errorf("seal of a directory: %v", err)
	}
}

func TestLogTellsWhoAndWhen(t *testing.T) {
	r := newRig(t)
	dir, name := r.at("f")
	grace := Caller{UID: 2000, GID: 2000, Program: "python3 fit.py"}
	h, _, err := r.v.Create(bg(t), dir, name, 0o644, unix.O_WRONLY, grace)
	if err != nil {
		t.Fatal(err)
	}
	r.put(h, "by grace", 0)
	r.release(h)
	r.sync()
	r.write("f", "by ada")
	list, err := r.v.Log(bg(t), "f")
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	first, second := list[0], list[1]
	if first.Seq != 1 || first.UID != 2000 || first.Author != UserName(2000) || first.Program != "python3 fit.py" ||
		first.Size != 8 || first.Current || first.Content != blob.Sum([]byte("by grace")).String() {
		t.Errorf("first: %+v", first)
	}
	if second.Seq != 0 || second.UID != ada.UID || !second.Current || second.Content != "" || second.Size != 6 {
		t.Errorf("second: %+v", second)
	}
	for name, want := range map[string]string{"state": "draft", "seq": "1", "author": UserName(ada.UID), "blake3": ""} {
		if got := r.xattr("f", "user.rdfs."+name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	r.sync()
	for name, want := range map[string]string{"state": "stored", "seq": "2", "author": UserName(ada.UID), "blake3": blob.Sum([]byte("by ada")).String()} {
		if got := r.xattr("f", "user.rdfs."+name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := r.v.Log(bg(t), "nothing"); !errors.Is(err, ErrNotExist) {
		t.Errorf("log of nothing: %v", err)
	}
}

func TestStatusCounts(t *testing.T) {
	r := newRig(t)
	r.write("sealed", "one")
	r.sync()
	r.write("waits", "12345")
	h := r.handle("open", unix.O_RDWR|unix.O_CREAT)
	r.put(h, "123", 0)
	s, err := r.v.Status(bg(t))
	if err != nil || s.OpenForWriting != 1 || s.Unsealed != 2 || s.Inodes != 4 || s.Versions != 1 || s.Packs != 1 || s.SafeToUnplug {
		t.Errorf("%+v, %v", s, err)
	}
	r.release(h)
	r.sync()
	r.v.chores.wait()
	r.commit()
	if s, err = r.v.Status(bg(t)); err != nil || s.OpenForWriting != 0 || s.Unsealed != 0 || s.UnsealedBytes != 0 || !s.SafeToUnplug || len(s.Why) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
