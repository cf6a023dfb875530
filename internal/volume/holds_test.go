package volume

import (
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

func (r *rig) hold(p string, until time.Time) HoldInfo {
	r.t.Helper()
	h, err := r.v.PlaceHold(bg(r.t), HoldRequest{Path: p, Until: until, Reason: "audit of 2026"})
	if err != nil {
		r.t.Fatalf("hold %s: %v", p, err)
	}
	return h
}

func TestWhatIsHeldCannotBeTakenAway(t *testing.T) {
	r := newRig(t)
	r.mkdir("exp")
	r.mkdir("exp/raw")
	r.mkdir("exp/raw/empty")
	r.write("exp/raw/a", "one")
	r.write("exp/raw/b", "two")
	r.write("exp/held", "three")
	r.write("exp/free", "four")
	r.mkdir("exp/dir")
	r.sync()
	r.hold("exp/raw", time.Time{})
	r.hold("exp/held", time.Time{})
	rename := func(from, to string, flags uint32) error {
		d, n := r.at(from)
		e, m := r.at(to)
		return r.v.Rename(d, n, e, m, flags, ada)
	}
	unlink := func(p string) error { d, n := r.at(p); return r.v.Unlink(d, n, ada) }
	rmdir := func(p string) error { d, n := r.at(p); return r.v.Rmdir(d, n, ada) }
	link := func(from, to string) error {
		d, n := r.at(to)
		_, err := r.v.Link(r.attr(from).Ino, d, n, Caller{})
		return err
	}
	try := func() {
		t.Helper()
		for what, err := range map[string]error{
			"unlink in a held directory":               unlink("exp/raw/a"),
			"unlink of a held file":                    unlink("exp/held"),
			"rmdir in a held directory":                rmdir("exp/raw/empty"),
			"rename in a held directory":               rename("exp/raw/a", "exp/raw/c", 0),
			"rename out of a held directory":           rename("exp/raw/a", "exp/a", 0),
			"rename of a held file":                    rename("exp/held", "exp/other", 0),
			"rename of a held directory":               rename("exp/raw", "exp/other", 0),
			"rename over a held file":                  rename("exp/free", "exp/held", 0),
			"rename over a file in a held directory":   rename("exp/free", "exp/raw/a", 0),
			"rename over a directory in a held one":    rename("exp/dir", "exp/raw/empty", 0),
			"exchange with a held file":                rename("exp/free", "exp/held", RenameExchange),
			"exchange with a file in a held directory": rename("exp/free", "exp/raw/b", RenameExchange),
		} {
			if !errors.Is(err, ErrHeld) {
				t.Errorf("%s: got %v, want ErrHeld", what, err)
			}
		}
	}
	try()
	r.close()
	r.reopen(StopClean)
	try()
	// Everything else goes on, and the old bytes stay.
	r.write("exp/held", "rewritten")
	h := r.handle("exp/raw/a", unix.O_WRONLY|unix.O_TRUNC)
	r.release(h)
	r.setxattr("exp/held", "user.k", "v")
	r.write("exp/raw/new", "new")
	if err := link("exp/raw/b", "exp/b"); err != nil {
		t.Errorf("link: %v", err)
	}
	if err := unlink("exp/free"); err != nil {
		t.Errorf("unlink of a file that is not held: %v", err)
	}
	if err := rename("exp", "moved", 0); err != nil {
		t.Errorf("rename of a directory above: %v", err)
	}
	r.sync()
	r.wantHistory("moved/held", "three", "rewritten")
	r.wantHistory("moved/raw/a", "one", "")
}

func TestAHoldIsOverWhenItsTimeHasCome(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.write("d/f", "x")
	until := r.clock.now().Add(time.Hour)
	r.hold("d", until)
	if h, held, err := r.v.HoldsOver("d/f"); err != nil || !held || h.Path != "d" || h.Reason != "audit of 2026" || !h.Until.Equal(until) {
		t.Errorf("the hold over d/f: got %+v, %v, %v", h, held, err)
	}
	dir, _ := r.at("d/f")
	if err := r.v.Unlink(dir, "f", ada); !errors.Is(err, ErrHeld) {
		t.Errorf("before: got %v, want ErrHeld", err)
	}
	if over, err := r.v.ReleaseExpired(); err != nil || len(over) > 0 {
		t.Errorf("a hold that is not over was released: %v, %v", over, err)
	}
	r.clock.advance(time.Hour)
	if list, err := r.v.Holds(); err != nil || len(list) > 0 {
		t.Errorf("a hold that is over is listed: %v, %v", list, err)
	}
	over, err := r.v.ReleaseExpired()
	if err != nil || len(over) != 1 || over[0].Path != "d" {
		t.Errorf("released: got %v, %v, want the one on d", over, err)
	}
	if n := r.v.holds.n.Load(); n != 0 {
		t.Errorf("%d holds are left", n)
	}
	r.unlink("d/f")
}

func TestAHoldIsNeverMadeShorter(t *testing.T) {
	r := newRig(t)
	r.write("f", "x")
	now := r.clock.now()
	r.hold("f", now.Add(time.Hour))
	r.hold("f", now.Add(2*time.Hour))
	place := func(q HoldRequest) error { _, err := r.v.PlaceHold(bg(t), q); return err }
	owner := r.attr("f").UID
	for _, tc := range []struct {
		name string
		q    HoldRequest
		want error
	}{
		{"shorter", HoldRequest{Path: "f", Until: now.Add(time.Hour), Reason: "r"}, ErrPerm},
		{"over", HoldRequest{Path: "f", Until: now, Reason: "r"}, ErrInvalid},
		{"no reason", HoldRequest{Path: "f"}, ErrInvalid},
		{"of another", HoldRequest{Path: "f", Reason: "r", Requester: Requester{UID: owner + 1}}, ErrPerm},
		{"nothing there", HoldRequest{Path: "g", Reason: "r"}, ErrNotExist},
		{"for ever, tried", HoldRequest{Path: "f", Reason: "r", DryRun: true}, nil},
	} {
		if err := place(tc.q); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
	if h, _, _ := r.v.HoldsOver("f"); !h.Until.Equal(now.Add(2 * time.Hour)) {
		t.Errorf("the hold: until %v, want two hours from %v", h.Until, now)
	}
	r.hold("f", time.Time{})
	if err := place(HoldRequest{Path: "f", Until: now.Add(1000 * time.Hour), Reason: "r"}); !errors.Is(err, ErrPerm) {
		t.Errorf("a hold for ever got an end: %v", err)
	}
}

func TestAHoldCoversAllThatWasBelow(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.mkdir("d/sub")
	r.write("d/sub/f", "x")
	r.write("d/gone", "y")
	r.write("free", "z")
	r.sync()
	gone := r.attr("d/gone")
	r.unlink("d/gone")
	r.hold("d", time.Time{})
	c, err := r.v.coveredByHolds(bg(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"d", "d/sub", "d/sub/f"} {
		if a := r.attr(p); !c.inode(a.Ino) || !c.file(a.File) {
			t.Errorf("%s is not covered", p)
		}
	}
	if !c.inode(gone.Ino) || !c.file(gone.File) {
		t.Error("what was removed before is not covered")
	}
	if a := r.attr("free"); c.inode(a.Ino) || c.file(a.File) {
		t.Error("a file beside it is covered")
	}
	if got := slices.Contains(r.names("d"), "gone"); got {
		t.Error("the removed file is there")
	}
	r.v.holds.drop(catalog.FileID(r.attr("d").File))
	if c, err := r.v.coveredByHolds(bg(t)); c != nil || err != nil {
		t.Errorf("without holds: got %v, %v", c, err)
	}
}
