package volume

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// gcModel is a tree in which several programs write, few contents again and again, so
// that what is garbage in one moment is needed in the next.
type gcModel struct {
	r        *rig
	contents []string
	snaps    map[string]map[string]string // what the snapshots that are kept show
}

func newGCModel(r *rig) *gcModel {
	m := &gcModel{r: r, snaps: map[string]map[string]string{}}
	shared := random(400<<10, 1)
	for k := range 12 {
		m.contents = append(m.contents, random(1+k*700, uint64(k)), random(150<<10, uint64(100+k))+shared)
	}
	return m
}

// write lets one program work on files of its own, and returns what they hold then.
func (m *gcModel) write(rng *rand.Rand, files map[string]string, dir string, steps int) error {
	r := m.r
	for range steps {
		p := fmt.Sprintf("%s/%d", dir, rng.IntN(6))
		d, name := r.at(p)
		switch _, exists := files[p]; {
		case exists && rng.IntN(4) == 0:
			if err := r.v.Unlink(d, name, ada); err != nil {
				return fmt.Errorf("unlink %s: %w", p, err)
			}
			delete(files, p)
		case exists && rng.IntN(4) == 0:
			q := fmt.Sprintf("%s/%d", dir, rng.IntN(6))
			e, newName := r.at(q)
			if err := r.v.Rename(d, name, e, newName, 0, ada); err != nil {
				return fmt.Errorf("rename %s to %s: %w", p, q, err)
			}
			if p != q {
				files[q] = files[p]
				delete(files, p)
			}
		case exists && rng.IntN(4) == 0:
			list, err := r.v.Log(context.Background(), p)
			if err != nil || len(list) == 0 || list[0].Seq == 0 {
				continue
			}
			ver := list[rng.IntN(len(list))]
			if ver.Seq == 0 {
				continue
			}
			// Saves that have left the path become its versions before.
			if err := r.v.Sync(context.Background(), "", nil); err != nil {
				return err
			}
			_, err = r.v.Restore(context.Background(), RestoreRequest{Path: p, Seq: ver.Seq})
			if err == nil {
				for _, c := range m.contents {
					if blob.Sum([]byte(c)).String() == ver.Content {
						files[p] = c
					}
				}
			} else if _, gone := r.v.Version(catalog.FileID(r.attr(p).File), catalog.Seq(ver.Seq)); gone == nil && !errors.Is(err, ErrBusy) {
				return fmt.Errorf("restore %s to version %d: %w", p, ver.Seq, err)
			}
		default:
			h, err := r.try(p, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC)
			if err != nil {
				return fmt.Errorf("open %s: %w", p, err)
			}
			c := m.contents[rng.IntN(len(m.contents))]
			_, err = h.WriteAt([]byte(c), 0)
			if err := errors.Join(err, h.Release()); err != nil {
				return fmt.Errorf("write %s: %w", p, err)
			}
			files[p] = c
		}
		if rng.IntN(3) == 0 {
			r.hurryAll()
		}
	}
	return nil
}

// compare compares a snapshot with what its tree was.
func (m *gcModel) compare(name string, want map[string]string) {
	r := m.r
	r.t.Helper()
	e, err := r.v.Epoch(Moment{Name: name})
	if err != nil {
		r.t.Fatal(err)
	}
	type file struct {
		id   blob.ID
		size int64
	}
	got := map[string]file{}
	r.v.cat.View(func(tx *catalog.Tx) error {
		at := tx.At(e)
		for p := range want {
			dir, err := at.Lookup(catalog.Root, p[:1])
			i, err2 := at.Lookup(dir, p[2:])
			row, err3 := at.Node(i)
			if err := errors.Join(err, err2, err3); err != nil {
				r.t.Errorf("snapshot %s: %s: %v", name, p, err)
			}
			got[p] = file{row.Content, row.Size}
		}
		return nil
	})
	for p, f := range got {
		if f.size != int64(len(want[p])) || r.content(f.id, f.size) != want[p] {
			r.t.Errorf("snapshot %s: %s has other bytes", name, p)
		}
	}
}

// While programs write, remove, rename and restore, and garbage is collected again and
// again, every file and every snapshot that is kept has its bytes, and nothing dangles.
func TestGCBesideWriters(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := newRig(t, func(o *Options) {
		limited(o)
		o.SealWorkers = 2
		o.CommitEvery = 5 * time.Millisecond
		o.GC.Repack = 20
	})
	m := newGCModel(r)
	rng := rand.New(rand.NewPCG(seed, 0))
	const programs = 3
	files := make([]map[string]string, programs)
	for k := range files {
		files[k] = map[string]string{}
		r.mkdir(fmt.Sprint(k))
	}
	var total GCResult
	for round := range 8 {
		var wg sync.WaitGroup
		errs := make([]error, programs)
		for k := range programs {
			rng := rand.New(rand.NewPCG(seed, uint64(round*10+k+1)))
			wg.Go(func() { errs[k] = m.write(rng, files[k], fmt.Sprint(k), 30) })
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		for stop := false; !stop; {
			select {
			case <-done:
				stop = true
			default:
			}
			res, err := r.v.GC(bg(t), false, nil)
			if err != nil {
				t.Fatal(err)
			}
			total.ChunksGone += res.ChunksGone
			total.Repacked += res.Repacked
			total.VersionsGone += res.VersionsGone
			total.OrphansGone += res.OrphansGone
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		r.sync()
		if rng.IntN(2) == 0 {
			name := fmt.Sprint("s", round)
			r.snapshot(name)
			all := map[string]string{}
			for _, f := range files {
				maps.Copy(all, f)
			}
			m.snaps[name] = all
		}
		for name := range m.snaps {
			if rng.IntN(4) == 0 {
				if err := r.v.DropSnapshot(bg(t), name, root); err != nil {
					t.Fatal(err)
				}
				delete(m.snaps, name)
			}
		}
		r.later()
		if rng.IntN(3) == 0 {
			r.close()
			r.reopen(StopClean)
		}
	}
	r.gc()
	r.dropCache()
	for _, of := range files {
		for p, want := range of {
			r.wantBytes(p, want)
		}
	}
	for name, want := range m.snaps {
		m.compare(name, want)
	}
	if total.ChunksGone == 0 || total.Repacked == 0 || total.VersionsGone == 0 {
		t.Errorf("the test shows little: %+v", total)
	}
}

// A collection can be stopped at every point, and the drive too: nothing is lost then,
// and the next one goes on.
func TestGCCanBeStoppedAnywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := newRig(t, limited)
	m := newGCModel(r)
	files := map[string]string{}
	r.mkdir("0")
	for round := range 10 {
		if err := m.write(rng, files, "0", 12); err != nil {
			t.Fatal(err)
		}
		r.sync()
		if round%3 == 0 {
			r.snapshot(fmt.Sprint("s", round))
			m.snaps[fmt.Sprint("s", round)] = maps.Clone(files)
		}
		r.later()
		for stopAfter := rng.IntN(3); ; stopAfter += 1 + rng.IntN(3) {
			ctx, cancel := context.WithCancel(bg(t))
			steps := 0
			_, err := r.v.GC(ctx, false, func(Progress) {
				if steps++; steps > stopAfter {
					cancel()
				}
			})
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if rng.IntN(3) == 0 {
				r.stopUnsealed()
				r.reopen(StopKilled)
			}
			if rng.IntN(4) == 0 {
				r.audit()
			}
		}
		r.audit()
	}
	r.dropCache()
	for p, want := range files {
		r.wantBytes(p, want)
	}
	for name, want := range m.snaps {
		m.compare(name, want)
	}
}
