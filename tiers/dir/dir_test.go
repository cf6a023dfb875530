package dir

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/tiertest"
)

const repo = "01JD9ZK3V6W7X8Y9Z0ABCDEFGH"

// newStore makes a tier in path and opens it.
func newStore(t *testing.T, path string, o Options) *Store {
	t.Helper()
	if err := Create(path, repo, o); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, repo, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	tiertest.Run(t, func(t *testing.T) tiers.Store {
		return newStore(t, filepath.Join(t.TempDir(), "tier"), Options{})
	})
}

func TestStoreWithOneOpenFile(t *testing.T) {
	tiertest.Run(t, func(t *testing.T) tiers.Store { return newStore(t, t.TempDir(), Options{OpenFiles: 1}) })
}

func TestStoreOnTheSimulatedDisk(t *testing.T) {
	tiertest.Run(t, func(t *testing.T) tiers.Store { return newStore(t, "/tier", Options{FS: disk.NewCrash()}) })
}

func put(t *testing.T, s *Store, key, data string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

func keys(t *testing.T, s *Store) []string {
	t.Helper()
	var got []string
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
	}
	return got
}

func TestObjectsSurviveReopening(t *testing.T) {
	path := t.TempDir()
	put(t, newStore(t, path, Options{}), "packs/01/a", "bytes")
	s := newStore(t, path, Options{}) // Create of an existing tier is success
	got := make([]byte, 5)
	if err := s.ReadAt(t.Context(), "packs/01/a", got, 0); err != nil || string(got) != "bytes" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOnlyTheOwnerCanReadObjects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tier")
	put(t, newStore(t, path, Options{}), "packs/01/a", "bytes")
	for name, want := range map[string]fs.FileMode{"": 0o700, "packs": 0o700, "packs/01": 0o700, "packs/01/a": 0o600} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: got %v, %v; want mode %v", name, info.Mode(), err, want)
		}
	}
}

func TestWhatIsNoObjectIsNotListed(t *testing.T) {
	path := t.TempDir()
	s := newStore(t, path, Options{})
	put(t, s, "packs/01/a", "bytes")
	for _, name := range []string{"rdfs-tmp~0~left", "packs/rdfs-tmp~0~left", "packs/a b", "notes~"} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"lost+found", "packs/empty"} {
		if err := os.Mkdir(filepath.Join(path, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("01/a", filepath.Join(path, "packs/link")); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, s); !slices.Equal(got, []string{"packs/01/a"}) {
		t.Errorf("got %q, want only packs/01/a", got)
	}
}

func TestTheMarkerIsNoObject(t *testing.T) {
	s := newStore(t, t.TempDir(), Options{})
	if err := s.Delete(t.Context(), markerName); err == nil {
		t.Error("delete: got no error")
	}
	if err := s.Put(t.Context(), markerName, strings.NewReader("x"), 1); err == nil {
		t.Error("put: got no error")
	}
	put(t, s, "sub/"+markerName, "x") // elsewhere the name is free
}

func TestOpenRemovesWhatWasLeftUnfinished(t *testing.T) {
	path := t.TempDir()
	newStore(t, path, Options{})
	left := filepath.Join(path, "rdfs-tmp~3~x.pack")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	newStore(t, path, Options{})
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unfinished file is still there: %v", err)
	}
}

func TestAFullDiskIsENOSPCAndLosesNothing(t *testing.T) {
	for _, op := range []disk.Op{disk.OpCreate, disk.OpWrite, disk.OpSync, disk.OpMkdir, disk.OpRename, disk.OpSyncDir} {
		t.Run(string(op), func(t *testing.T) {
			full := false
			fsys := disk.NewFaulty(disk.OS, func(o disk.Op, _ string) error {
				if full && o == op {
					return syscall.ENOSPC
				}
				return nil
			})
			path := t.TempDir()
			s := newStore(t, path, Options{FS: fsys})
			put(t, s, "packs/01/a", "first")
			full = true
			err := s.Put(t.Context(), "packs/02/b", strings.NewReader("second"), 6)
			if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, blob.ErrOffline) {
				t.Errorf("got %v, want ENOSPC", err)
			}
			full = false
			got := make([]byte, 5)
			if err := s.ReadAt(t.Context(), "packs/01/a", got, 0); err != nil || string(got) != "first" {
				t.Errorf("got %q, %v", got, err)
			}
			put(t, s, "packs/02/b", "second") // there is room again
			if got, want := keys(t, s), []string{"packs/01/a", "packs/02/b"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if left, _ := filepath.Glob(filepath.Join(path, "rdfs-tmp~*")); len(left) != 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

func TestAShortenedObjectIsReported(t *testing.T) {
	path := t.TempDir()
	s := newStore(t, path, Options{})
	put(t, s, "a", "0123456789")
	p := make([]byte, 10)
	if err := s.ReadAt(t.Context(), "a", p, 0); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(path, "a")
	if err := os.Truncate(file, 4); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadAt(t.Context(), "a", p, 0); !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), file) {
		t.Errorf("while open: got %v, want %v with the file", err, blob.ErrCorrupt)
	}
	if err := s.Put(t.Context(), "a", bytes.NewReader(p), 10); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("put: got %v, want %v", err, blob.ErrCorrupt)
	}
}

// TestPowerLossNeverLosesWhatWasPut cuts the power between any two steps of a
// Store, opens what is left, and looks at every object.
func TestPowerLossNeverLosesWhatWasPut(t *testing.T) {
	crashes := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		under := disk.NewCrash()
		acked := map[string]string{}
		tried := map[string]string{}
		check := func(when string) {
			crashes++
			after := under.CrashClone(rng)
			s, err := Open("/repo/blobs", repo, Options{FS: after})
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, when, err)
			}
			found := map[string]string{}
			for info, err := range s.List(t.Context(), "") {
				if err != nil {
					t.Fatalf("seed %d, %s: %v", seed, when, err)
				}
				p := make([]byte, info.Size)
				if err := s.ReadAt(t.Context(), info.Key, p, 0); err != nil {
					t.Fatalf("seed %d, %s: %v", seed, when, err)
				}
				if found[info.Key] = string(p); found[info.Key] != tried[info.Key] {
					t.Fatalf("seed %d, %s: %s is torn", seed, when, info.Key)
				}
			}
			for key, want := range acked {
				if found[key] != want {
					t.Fatalf("seed %d, %s: %s was put and is lost", seed, when, key)
				}
			}
		}
		// Now and then a step fails too; what is retried must be as durable.
		broken := false
		fsys := disk.NewFaulty(under, func(op disk.Op, path string) error {
			if len(tried) > 0 && (op == disk.OpSync || op == disk.OpSyncDir || op == disk.OpRename || op == disk.OpCreate) {
				check(fmt.Sprintf("before %s of %s", op, path))
			}
			if broken && (op == disk.OpSync || op == disk.OpSyncDir) && rng.IntN(3) == 0 {
				return syscall.EIO
			}
			return nil
		})
		s := newStore(t, "/repo/blobs", Options{FS: fsys})
		for range 8 {
			key := fmt.Sprintf("packs/%d/%d", rng.IntN(2), rng.IntN(3))
			if tried[key] == "" {
				tried[key] = strings.Repeat(string(rune('a'+rng.IntN(26))), 1+rng.IntN(3000))
			}
			broken = rng.IntN(2) == 0
			if err := s.Put(t.Context(), key, strings.NewReader(tried[key]), int64(len(tried[key]))); err == nil {
				acked[key] = tried[key]
			} else if !errors.Is(err, syscall.EIO) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			check("after put of " + key)
		}
	}
	if crashes < 1500 {
		t.Errorf("only %d crashes were tried", crashes)
	}
}

// Two Puts of one key: the second starts when the first has seen that the key is
// free, and must still leave the first one's bytes alone.
func TestASecondPutOfAKeyWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *Store
		second := make(chan error, 1)
		started, impatient := false, errors.New("not tried")
		fsys := disk.NewFaulty(disk.NewCrash(), func(op disk.Op, name string) error {
			if op != disk.OpCreate || started || !strings.HasSuffix(name, "k") {
				return nil
			}
			started = true
			go func() { second <- s.Put(t.Context(), "k", strings.NewReader("second"), 6) }()
			synctest.Wait() // it is finished, or waits for us
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			impatient = s.Put(ctx, "k", strings.NewReader("second"), 6)
			return nil
		})
		s = newStore(t, "/tier", Options{FS: fsys})
		put(t, s, "k", "first!")
		if err := <-second; err != nil {
			t.Errorf("the second: %v", err)
		}
		if !errors.Is(impatient, context.DeadlineExceeded) {
			t.Errorf("one with a deadline: got %v, want %v", impatient, context.DeadlineExceeded)
		}
		got := make([]byte, 6)
		if err := s.ReadAt(t.Context(), "k", got, 0); err != nil || string(got) != "first!" {
			t.Errorf("got %q, %v; want the first one's bytes", got, err)
		}
	})
}

func TestADirectoryThatWasRemovedByHandIsMadeAgain(t *testing.T) {
	path := t.TempDir()
	s := newStore(t, path, Options{})
	put(t, s, "packs/01/a", "x")
	if err := os.RemoveAll(filepath.Join(path, "packs")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "packs/01/b", strings.NewReader("x"), 1); errors.Is(err, blob.ErrOffline) {
		t.Errorf("got %v; the tier is there", err)
	}
	put(t, s, "packs/01/b", "x") // at the second attempt at the latest
}

func TestOpenFilesAreBounded(t *testing.T) {
	fsys := &countingFS{FS: disk.OS}
	s := newStore(t, t.TempDir(), Options{FS: fsys, OpenFiles: 4})
	for i := range 20 {
		put(t, s, fmt.Sprintf("k%d", i), "x")
	}
	read := func(i int) {
		t.Helper()
		if err := s.ReadAt(t.Context(), fmt.Sprintf("k%d", i), make([]byte, 1), 0); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		read(i)
	}
	if n := fsys.open.Load(); n != 4 {
		t.Errorf("%d files are open, want 4", n)
	}
	before := fsys.opened.Load()
	for range 100 {
		read(17)
		read(19)
	}
	if n := fsys.opened.Load() - before; n != 0 {
		t.Errorf("%d opens for objects that were open", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := fsys.open.Load(); n != 0 {
		t.Errorf("%d files are open after Close", n)
	}
}

func TestADeletedObjectIsNotKeptOpen(t *testing.T) {
	fsys := &countingFS{FS: disk.OS}
	s := newStore(t, t.TempDir(), Options{FS: fsys})
	put(t, s, "k", "x")
	if err := s.ReadAt(t.Context(), "k", make([]byte, 1), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if n := fsys.open.Load(); n != 0 {
		t.Errorf("%d files are open, so the disk keeps their bytes", n)
	}
}

func TestAnObjectDeletedWhileItIsOpenedIsNotKept(t *testing.T) {
	var s *Store
	deleted := false
	under := &countingFS{FS: disk.OS}
	fsys := &afterOpen{under, func(name string) {
		if filepath.Base(name) == "k" && !deleted {
			deleted = true
			if err := s.Delete(t.Context(), "k"); err != nil {
				t.Error(err)
			}
		}
	}}
	s = newStore(t, t.TempDir(), Options{FS: fsys})
	put(t, s, "k", "x")
	// The read has opened the file when it is deleted: it may still succeed.
	if err := s.ReadAt(t.Context(), "k", make([]byte, 1), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadAt(t.Context(), "k", make([]byte, 1), 0); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("got %v, want %v", err, blob.ErrNotFound)
	}
	if n := under.open.Load(); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

func TestModifiedIsWhenTheBytesWereWritten(t *testing.T) {
	path := t.TempDir()
	s := newStore(t, path, Options{})
	put(t, s, "k", "x")
	want := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(path, "k"), want, want); err != nil {
		t.Fatal(err)
	}
	if info, err := s.Stat(t.Context(), "k"); err != nil || !info.Modified.Equal(want) {
		t.Errorf("got %v, %v; want %v", info.Modified, err, want)
	}
}

func BenchmarkPut16MiB(b *testing.B) {
	path := b.TempDir()
	if err := Create(path, repo, Options{}); err != nil {
		b.Fatal(err)
	}
	s, err := Open(path, repo, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	data := make([]byte, 16<<20)
	rand.NewChaCha8([32]byte{}).Read(data)
	b.SetBytes(int64(len(data)))
	for i := 0; b.Loop(); i++ {
		binary.LittleEndian.PutUint64(data, uint64(i))
		if err := s.Put(b.Context(), fmt.Sprintf("packs/%02d/%d", i%16, i), bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadChunk(b *testing.B) {
	path := b.TempDir()
	if err := Create(path, repo, Options{}); err != nil {
		b.Fatal(err)
	}
	s, err := Open(path, repo, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	data := make([]byte, 16<<20)
	if err := s.Put(b.Context(), "k", bytes.NewReader(data), int64(len(data))); err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 128<<10)
	b.SetBytes(int64(len(p)))
	for i := 0; b.Loop(); i++ {
		if err := s.ReadAt(b.Context(), "k", p, int64(i%100)*int64(len(p))); err != nil {
			b.Fatal(err)
		}
	}
}
