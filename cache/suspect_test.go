package cache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

// tear does to every file what a power loss may do: the name, size and times are
// there, the data is not.
func (r *rig) tear() {
	r.t.Helper()
	must(r.t, filepath.WalkDir(r.opt.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, fillsSuffix) {
			return err
		}
		st, err := lstat(path)
		must(r.t, err)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(r.t, err)
		defer f.Close()
		_, err = f.WriteAt(make([]byte, min(4096, st.Size)), 0)
		must(r.t, err)
		return setTimes(int(f.Fd()), st.Atim, st.Mtim)
	}))
}

func TestTornFilesAreNeverServedAfterPowerLoss(t *testing.T) {
	r := newRig(t)
	data := noise(1, 100000)
	id := r.src.add(data, 10000)
	r.adopt(live(7), data)
	f, err := r.Fetch(t.Context(), Key{ID: id}, id)
	must(t, err)
	f.Close()
	must(t, r.Close())
	r.tear()
	r.opt.Trusted = false
	r.open()
	r.wantMissing(live(7), data)
	r.wantMissing(Key{ID: id}, data)
	f, err = r.Fetch(t.Context(), live(7), id)
	must(t, err)
	r.wantBytes(f, data)
}

func TestTornFilesThatNobodyBelievesAreNoErrors(t *testing.T) {
	r := newRig(t)
	data := noise(1, 100000)
	r.adopt(live(7), data)
	must(t, r.Close())
	r.tear()
	r.opt.Trusted = false
	r.open()
	seen := 0
	must(t, r.Walk(func(e Entry) bool {
		seen++
		if err := r.Verify(t.Context(), e, blob.Sum(data), int64(len(data))); err != nil {
			t.Errorf("verify %s: %v", e.Path, err)
		}
		return true
	}))
	if seen != 1 {
		t.Errorf("%d files, want 1", seen)
	}
}

func TestWholeFilesSurvivePowerLossAndAreHashedOnce(t *testing.T) {
	r := newRig(t)
	data, other := noise(1, 100000), noise(2, 100)
	id := blob.Sum(data)
	r.adopt(live(7), data)
	r.adopt(live(8), other)
	r.reopen(false)
	if got := r.files(); len(got) != 2 || !strings.HasPrefix(got[0], "suspect/1/live/") {
		t.Errorf("files: %v", got)
	}
	n := 0
	must(t, r.Walk(func(e Entry) bool {
		n++
		if !e.Suspect || e.Partial || e.Key.Ino == 0 {
			t.Errorf("entry: %+v", e)
		}
		return true
	}))
	if n != 2 {
		t.Errorf("walked %d", n)
	}
	r.wantWhole(live(7), data)
	if st, err := lstat(r.file(live(7))); err != nil || !fresh(&st, id, 100000) {
		t.Errorf("the file is not back in its place: %v", err)
	}
	// A trusted restart still does not believe what nobody has looked at.
	r.reopen(true)
	r.wantWhole(live(7), data)
	if got := r.files(); len(got) != 2 || got[1] != "suspect/1/live/08/8" {
		t.Errorf("files: %v", got)
	}
	// A second power loss puts a second directory beside the first.
	r.reopen(false)
	if got := r.files(); len(got) != 2 || got[1] != "suspect/2/live/07/7" {
		t.Errorf("files: %v", got)
	}
	r.wantWhole(live(8), other)
	to := filepath.Join(r.drafts, "x")
	f, err := r.Take(live(7), id, int64(len(data)), to)
	must(t, err)
	f.Close()
	must(t, r.Walk(func(Entry) bool { return true }))
	if _, err := os.Stat(filepath.Join(r.opt.Dir, "suspect")); !os.IsNotExist(err) {
		t.Errorf("suspect/ is left though nothing is in it: %v", err)
	}
	if len(*r.suspects.Load()) != 0 {
		t.Error("suspects are still looked for")
	}
}

func TestANewFileWinsOverASuspect(t *testing.T) {
	r := newRig(t)
	old, data := noise(1, 1000), noise(2, 2000)
	r.adopt(live(7), old)
	r.adopt(live(8), old)
	r.reopen(false)
	r.adopt(live(7), data)
	r.wantWhole(live(7), data)
	must(t, r.Remove(live(8)))
	r.wantMissing(live(8), old)
	if got := r.files(); len(got) != 1 {
		t.Errorf("files: %v", got)
	}
}

func TestOldSuspectDirectoriesGo(t *testing.T) {
	r := newRig(t)
	for i := range uint64(maxSuspects + 3) {
		r.adopt(live(i+1), noise(i, 100))
		r.reopen(false)
	}
	r.counted()
	if got := r.files(); len(got) != maxSuspects {
		t.Errorf("files: %v", got)
	}
	r.wantWhole(live(maxSuspects+3), noise(maxSuspects+2, 100))
	r.wantMissing(live(1), noise(0, 100))
}

func TestFillsSurvivePowerLossAndAreHashedChunkByChunk(t *testing.T) {
	for _, torn := range []bool{false, true} {
		r := newRig(t)
		data := noise(1, 10*64<<10)
		id := r.src.add(data, 64<<10)
		p, err := r.Partial(t.Context(), live(7), id)
		must(t, err)
		buf := make([]byte, 3*64<<10) // chunks 0, 1, 2
		_, err = p.ReadAt(t.Context(), buf, 0)
		must(t, err)
		must(t, p.Close())
		must(t, r.Close())
		if torn {
			r.tear() // chunk 0
		}
		r.opt.Trusted = false
		r.open()
		for round := range 2 {
			sent := r.src.total()
			p, err = r.Partial(t.Context(), live(7), id)
			must(t, err)
			if _, err := p.ReadAt(t.Context(), buf, 0); err != nil || string(buf) != string(data[:len(buf)]) {
				t.Errorf("torn %v: read: %v", torn, err)
			}
			must(t, p.Close())
			want := 0
			if torn && round == 0 {
				want = 1
			}
			if got := r.src.total() - sent; got != want {
				t.Errorf("torn %v, round %d: %d chunks came again, want %d", torn, round, got, want)
			}
		}
	}
}

// After a power loss a large file is not hashed as a whole before its first byte
// is read, and nothing of it comes from the tiers again but what is torn.
func TestLargeSuspectIsHashedAsItIsRead(t *testing.T) {
	r := newRig(t)
	data := make([]byte, suspectMax+1<<20)
	copy(data, noise(1, 2<<20))
	for i := range 60 {
		data[i<<20] = byte(i)
	}
	id := r.src.add(data, 1<<20)
	r.adopt(live(7), data)
	must(t, r.Close())
	r.tear() // chunk 0
	r.opt.Trusted = false
	r.open()
	r.wantMissing(live(7), data)
	p := r.partial(live(7), id)
	r.wantRead(p, data, 30<<20, 1000)
	if got := r.src.total(); got != 0 {
		t.Errorf("%d chunks came, want none", got)
	}
	must(t, p.Close())
	p = r.partial(live(7), id)
	r.wantRead(p, data, 0, len(data))
	if got := r.src.total(); got != 1 {
		t.Errorf("%d chunks came, want the torn one", got)
	}
	must(t, p.Close())
	r.wantWhole(live(7), data)
	if got := r.files(); len(got) != 1 {
		t.Errorf("files: %v", got)
	}
	r.reopen(false)
	f, err := r.Fetch(t.Context(), live(7), id) // hashes it
	must(t, err)
	r.wantBytes(f, data)
	r.reopen(false)
	f, err = r.Take(live(7), id, int64(len(data)), filepath.Join(r.drafts, "x"))
	must(t, err)
	r.wantBytes(f, data)
	if got := r.src.total(); got != 1 {
		t.Errorf("%d chunks came", got)
	}
}
