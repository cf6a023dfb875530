package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/disk"
)

// logBed is an engine whose log lies on a disk that can lose power.
type logBed struct {
	t    *testing.T
	path string
	log  *disk.Crash
	e    *boltEngine

	// cut is called in the middle of an append: the record is written, and not durable.
	cut func()
}

func newLogBed(t *testing.T) *logBed {
	b := &logBed{t: t, path: filepath.Join(t.TempDir(), "catalog.db"), log: disk.NewCrash()}
	if err := disk.MkdirAll(b.log, filepath.Dir(b.path), 0o700); err != nil {
		t.Fatal(err)
	}
	b.open()
	return b
}

func (b *logBed) tryOpen() error {
	fsys := disk.NewFaulty(b.log, func(op disk.Op, path string) error {
		if op == disk.OpSync && b.cut != nil {
			b.cut()
		}
		return nil
	})
	e, err := OpenBolt(b.path, BoltOptions{Reserve: -1, Log: smallestLog, openLog: logOn(fsys)})
	if err != nil {
		return err
	}
	b.e = e.(*boltEngine)
	return b.e.Declare(testTables)
}

func (b *logBed) open() {
	b.t.Helper()
	if err := b.tryOpen(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.e.Close() })
}

// logOn opens logs on another disk.
func logOn(fsys disk.FS) func(path string, create bool) (logFile, error) {
	return func(path string, create bool) (logFile, error) {
		flag := os.O_RDWR
		if create {
			flag |= os.O_CREATE
		}
		f, err := fsys.OpenFile(path, flag, 0o600)
		if err == nil && create {
			err = fsys.SyncDir(filepath.Dir(path))
		}
		return f, err
	}
}

// image is what a power loss leaves.
type image struct {
	db  []byte
	log *disk.Crash
}

// lose returns what a power loss leaves at this moment. bbolt commits between two
// calls of Commit only, so its file is what it was after the last one.
func (b *logBed) lose(rng *rand.Rand) image {
	tx, err := b.e.begin()
	if err != nil {
		b.t.Fatal(err)
	}
	defer b.e.end(tx)
	db := make([]byte, tx.Size())
	if _, err := b.e.file.ReadAt(db, 0); err != nil {
		b.t.Fatal(err)
	}
	return image{db, b.log.CrashClone(rng)}
}

// restart opens the image in place of what there was.
func (b *logBed) restart(i image) {
	b.t.Helper()
	b.cut = nil
	b.e.Close()
	b.log = i.log
	writeFile(b.t, b.path, i.db)
	b.open()
}

// rows returns what a snapshot of the engine has in a table.
func (b *logBed) rows(table byte) (all []string) {
	b.t.Helper()
	s, err := b.e.Snapshot()
	if err != nil {
		b.t.Fatal(err)
	}
	defer s.Close()
	s.Ascend([]byte{table}, nil, func(k, v []byte) bool {
		all = append(all, fmt.Sprintf("%s=%s", k[1:], v))
		if got := s.Get(k); !bytes.Equal(got, v) {
			b.t.Errorf("Get %q is %q, Ascend says %q", k, got, v)
		}
		return true
	})
	return all
}

// group yields rows that are in order; a nil value is a tombstone.
func group(rows ...[2][]byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		for _, r := range rows {
			if !yield(r[0], r[1]) {
				return
			}
		}
	}
}

func putRow(table byte, name, value string) [2][]byte {
	return [2][]byte{key(table, name), []byte(value)}
}
func dropRow(table byte, name string) [2][]byte { return [2][]byte{key(table, name), nil} }

// TestPowerLossKeepsEveryGroupThatWasDurable commits small and large groups, cuts the
// power in the middle of an append or between two, and looks for exactly the groups
// that were acknowledged, or one more.
func TestPowerLossKeepsEveryGroupThatWasDurable(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	b := newLogBed(t)
	model := map[int]map[string]string{0: {}} // rows after each group
	seq, laps, torn := 0, b.e.lap, 0
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for range rounds {
		var after *image
		left := 1 + rng.IntN(60)
		b.cut = func() {
			if left--; left == 0 {
				i := b.lose(rng)
				after = &i
			}
		}
		first := seq
		for after == nil && seq < first+100 {
			rows := maps.Clone(model[seq])
			var g [][2][]byte
			n, size := 1+rng.IntN(5), 1+rng.IntN(300)
			if rng.IntN(12) == 0 {
				n, size = 60, 4000 // more than a record takes
			}
			names := rng.Perm(200)[:n]
			slices.Sort(names)
			for _, i := range names {
				name := fmt.Sprintf("%03d", i)
				if _, there := rows[name]; there && rng.IntN(3) == 0 {
					delete(rows, name)
					g = append(g, dropRow(2, name))
					continue
				}
				v := strings.Repeat(fmt.Sprint(seq, ","), size/4+1)
				rows[name] = v
				g = append(g, putRow(2, name, v))
			}
			model[seq+1] = rows
			if err := b.e.Commit(group(g...)); err != nil {
				t.Fatal(err)
			}
			seq++
		}
		acked := seq - 1 // the last one was under way
		if after == nil {
			i := b.lose(rng)
			after, acked = &i, seq
		}
		b.restart(*after)
		got := b.rows(2)
		switch {
		case same(got, model[acked]):
			seq = acked
			torn++
		case acked < seq && same(got, model[seq]):
		default:
			t.Fatalf("after group %d, acknowledged %d: %d rows are there, and they are of neither state", seq, acked, len(got))
		}
		checkClean(t, b.e)
	}
	if b.e.lap < laps+uint64(rounds) {
		t.Errorf("%d laps in %d rounds", b.e.lap-laps, rounds)
	}
	t.Logf("%d groups, %d laps, %d of %d times the last group was lost", seq, b.e.lap-laps, torn, rounds)
}

func same(rows []string, want map[string]string) bool {
	if len(rows) != len(want) {
		return false
	}
	for _, r := range rows {
		k, v, _ := strings.Cut(r, "=")
		if w, ok := want[k]; !ok || w != v {
			return false
		}
	}
	return true
}

func TestDamagedLogIsNoticedAndTornEndIsNot(t *testing.T) {
	b := newLogBed(t)
	for i := range 5 {
		if err := b.e.Commit(group(putRow(2, fmt.Sprint(i), strings.Repeat("v", 5000*(i%2)+1)))); err != nil {
			t.Fatal(err)
		}
	}
	end := int(b.e.groups.off)
	good := b.lose(rand.New(rand.NewPCG(1, 1)))
	read := func(log *disk.Crash) []byte {
		f, err := log.OpenFile(b.path+".log", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p := make([]byte, smallestLog)
		if _, err := f.ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
		return p
	}
	whole := read(good.log)
	last := 0
	for off, n := 0, uint64(0); off < end; n++ {
		_, size := soundRecord(whole[off:], b.e.lap, n)
		if size == 0 {
			t.Fatalf("record %d at %d is not sound", n, off)
		}
		last = off
		off += size
	}
	for off := 0; off < end; off += 97 {
		log := good.log.CrashClone(rand.New(rand.NewPCG(1, 1)))
		f, err := log.OpenFile(b.path+".log", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{whole[off] ^ 0x10}, int64(off)); err != nil {
			t.Fatal(err)
		}
		b.e.Close()
		writeFile(t, b.path, good.db)
		b.log = log
		err = b.tryOpen()
		if b.e == nil || err != nil && !errors.Is(err, blob.ErrCorrupt) {
			t.Fatalf("byte %d: %v", off, err)
		}
		padding := err == nil && len(b.rows(2)) == 5 // between two records nothing counts
		switch {
		case padding:
		case off < last && !errors.Is(err, blob.ErrCorrupt):
			t.Fatalf("byte %d of the log, in a record that is not the last: %v", off, err)
		case off < last && !strings.Contains(err.Error(), b.path+".log"):
			t.Fatalf("%v does not name the log", err)
		case off >= last && (err != nil || len(b.rows(2)) != 4):
			t.Fatalf("byte %d of the log, in the last record: %v", off, err)
		}
	}
}

func TestLogThatIsMissingAfterACrashIsDamage(t *testing.T) {
	b := newLogBed(t)
	if err := b.e.Commit(group(putRow(2, "a", "b"))); err != nil {
		t.Fatal(err)
	}
	crashed := b.lose(rand.New(rand.NewPCG(1, 1)))
	b.e.Close()
	closed, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := crashed.log.Remove(b.path + ".log"); err != nil {
		t.Fatal(err)
	}
	b.log = crashed.log
	writeFile(t, b.path, crashed.db)
	if err := b.tryOpen(); !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), "catalog.db.log") {
		t.Fatalf("got %v, want damage that names the log", err)
	}
	// After a clean end nothing is in it.
	writeFile(t, b.path, closed)
	b.open()
	wantRows(t, b.rows(2), "a=b")
}

func TestCopyNeedsNoLog(t *testing.T) {
	b := newLogBed(t)
	for i := range 3 {
		if err := b.e.Commit(group(putRow(2, fmt.Sprint(i), "v"))); err != nil {
			t.Fatal(err)
		}
		if b.e.logged.rows.Len() == 0 {
			t.Fatal("the group is not in the log: nothing is tested")
		}
		var w bytes.Buffer
		if err := b.e.CopyTo(&w); err != nil {
			t.Fatal(err)
		}
		path := writeFile(t, filepath.Join(t.TempDir(), "copy.db"), w.Bytes())
		db := mustOpen(t, mustOpenBolt(t, path), Options{})
		if got := rows(t, db, []byte{2}, nil); len(got) != i+1 {
			t.Errorf("the copy has %q", got)
		}
	}
}

func TestFailedAppend(t *testing.T) {
	for _, c := range []struct {
		op    disk.Op
		err   error
		retry bool
	}{
		{disk.OpWrite, &os.PathError{Op: "write", Path: "log", Err: syscall.ENOSPC}, true},
		{disk.OpWrite, &os.PathError{Op: "write", Path: "log", Err: syscall.EIO}, false},
		{disk.OpSync, &os.PathError{Op: "fdatasync", Path: "log", Err: syscall.ENOSPC}, false},
	} {
		t.Run(fmt.Sprint(c.op, " ", c.err), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "catalog.db")
			failing := false
			fsys := disk.NewFaulty(disk.OS, func(op disk.Op, _ string) error {
				if failing && op == c.op {
					return c.err
				}
				return nil
			})
			e, err := OpenBolt(path, BoltOptions{Reserve: -1, openLog: logOn(fsys)})
			if err != nil {
				t.Fatal(err)
			}
			db := mustOpen(t, e, Options{Interval: time.Hour})
			mustUpdate(t, db, func(tx *Tx) { tx.Put(key(2, "before"), nil) })
			mustSync(t, db)
			failing = true
			mustUpdate(t, db, func(tx *Tx) { tx.Put(key(2, "during"), nil) })
			if err := db.Sync(context.Background()); errors.Is(err, ErrRetry) != c.retry || errors.Is(err, ErrPoisoned) == c.retry {
				t.Fatalf("Sync: %v", err)
			}
			failing = false
			if c.retry {
				mustSync(t, db)
				wantRows(t, rows(t, db, []byte{2}, nil), "before=", "during=")
			}
			db.Close()
			got := rows(t, mustOpen(t, mustOpenBolt(t, path), Options{}), []byte{2}, nil)
			if len(got) < 1 || got[0] != "before=" || c.retry && len(got) != 2 {
				t.Errorf("opened again: %q", got)
			}
		})
	}
}
