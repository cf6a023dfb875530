package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const manyCrashes = 400

// outcomes returns what look says of many disks that c may be after a power loss,
// and how often.
func outcomes(c *Crash, look func(after *Crash) string) map[string]int {
	seen := map[string]int{}
	for seed := range uint64(manyCrashes) {
		seen[look(c.CrashClone(rand.New(rand.NewPCG(seed, 3))))]++
	}
	return seen
}

// content describes a file in one word.
func content(c *Crash, path string, known map[string][]byte) string {
	got, err := ReadFile(c, path)
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	}
	for word, data := range known {
		if bytes.Equal(got, data) {
			return word
		}
	}
	return "torn"
}

func write(t *testing.T, fsys FS, path string, data []byte) File {
	t.Helper()
	f, err := Create(fsys, path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCrashLosesWhatWasNotSynced(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 3*sector+100)
	known := map[string][]byte{"whole": data, "empty": nil}
	tests := []struct {
		name        string
		finish      func(c *Crash, f File) error
		want, never []string
	}{
		{"nothing synced", func(*Crash, File) error { return nil },
			[]string{"absent", "empty", "torn", "whole"}, nil},
		{"close is no sync", func(_ *Crash, f File) error { return f.Close() },
			[]string{"absent", "empty", "torn", "whole"}, nil},
		{"bytes synced, name not", func(_ *Crash, f File) error { return f.Sync() },
			[]string{"absent", "whole"}, []string{"empty", "torn"}},
		{"name synced, bytes not", func(c *Crash, _ File) error { return c.SyncDir("/") },
			[]string{"empty", "torn", "whole"}, []string{"absent"}},
		{"both synced", func(c *Crash, f File) error { return errors.Join(f.Sync(), c.SyncDir("/")) },
			[]string{"whole"}, []string{"absent", "empty", "torn"}},
		{"filesystem synced", func(_ *Crash, f File) error { return f.SyncFS() },
			[]string{"whole"}, []string{"absent", "empty", "torn"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCrash()
			if err := tt.finish(c, write(t, c, "/f", data)); err != nil {
				t.Fatal(err)
			}
			seen := outcomes(c, func(after *Crash) string { return content(after, "/f", known) })
			for _, w := range tt.want {
				if seen[w] == 0 {
					t.Errorf("%q never happens: %v", w, seen)
				}
			}
			for _, w := range tt.never {
				if seen[w] != 0 {
					t.Errorf("%q happens: %v", w, seen)
				}
			}
		})
	}
}

// A writer that forgets one sync of the right order is caught.
func TestCrashCatchesWritersThatForgetASync(t *testing.T) {
	old, fresh := []byte("old"), bytes.Repeat([]byte("n"), 2*sector)
	known := map[string][]byte{"old": old, "new": fresh}
	tests := []struct {
		name    string
		replace func(c *Crash) error
		caught  []string
	}{
		{"in place", func(c *Crash) error {
			f := write(t, c, "/f", fresh)
			return errors.Join(f.Sync(), f.Close())
		}, nil}, // after the sync all is well; only a crash within tears it
		{"rename without fdatasync", func(c *Crash) error {
			write(t, c, "/tmp", fresh)
			return errors.Join(c.Rename("/tmp", "/f"), c.SyncDir("/"))
		}, []string{"torn"}},
		{"rename without sync of the directory", func(c *Crash) error {
			f := write(t, c, "/tmp", fresh)
			return errors.Join(f.Sync(), c.Rename("/tmp", "/f"))
		}, []string{"old"}},
		{"remove, then rename", func(c *Crash) error {
			f := write(t, c, "/tmp", fresh)
			return errors.Join(f.Sync(), c.Remove("/f"), c.Rename("/tmp", "/f"))
		}, []string{"old", "absent"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewCrash()
			if err := WriteFile(c, "/f", bytes.NewReader(old), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := tt.replace(c); err != nil {
				t.Fatal(err)
			}
			seen := outcomes(c, func(after *Crash) string { return content(after, "/f", known) })
			for _, w := range append(tt.caught, "new") {
				if seen[w] == 0 {
					t.Errorf("%q never happens: %v", w, seen)
				}
			}
			if len(seen) != len(tt.caught)+1 {
				t.Errorf("got outcomes %v, want only new and %q", seen, tt.caught)
			}
		})
	}
}

func TestRenameBetweenDirectoriesNeverLosesTheFile(t *testing.T) {
	for _, sync := range []string{"", "/from", "/to"} {
		t.Run("sync of "+sync, func(t *testing.T) {
			c := NewCrash()
			for _, dir := range []string{"/from", "/to"} {
				if err := MkdirAll(c, dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := WriteFile(c, "/from/f", strings.NewReader("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.Rename("/from/f", "/to/f"); err != nil {
				t.Fatal(err)
			}
			if sync != "" {
				if err := c.SyncDir(sync); err != nil {
					t.Fatal(err)
				}
			}
			known := map[string][]byte{"whole": []byte("x")}
			seen := outcomes(c, func(after *Crash) string {
				return content(after, "/from/f", known) + " " + content(after, "/to/f", known)
			})
			want := map[string]bool{"absent whole": true}
			if sync == "" {
				want["whole absent"] = true
			}
			for got := range seen {
				if !want[got] {
					t.Errorf("%q happens: %v", got, seen)
				}
			}
			if len(seen) != len(want) {
				t.Errorf("got outcomes %v, want %v", seen, want)
			}
		})
	}
}

func TestAFailedSyncLosesTheBytesWhateverComesLater(t *testing.T) {
	c := NewCrash()
	fail := true
	fsys := NewFaulty(c, func(op Op, _ string) error {
		if op == OpSync && fail {
			return syscall.EIO
		}
		return nil
	})
	f := write(t, fsys, "/f", []byte("precious"))
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v, want EIO", err)
	}
	fail = false
	if err := errors.Join(f.Sync(), c.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadFile(c, "/f"); string(got) != "precious" || err != nil {
		t.Errorf("before the crash: got %q, %v; want the bytes, from memory", got, err)
	}
	c.SyncAll()
	if got, err := ReadFile(c.CrashClone(rand.New(rand.NewPCG(1, 1))), "/f"); len(got) != 0 || err != nil {
		t.Errorf("after the crash: got %q, %v; want nothing of them", got, err)
	}
}

func TestCrashCloneSharesNothing(t *testing.T) {
	c := NewCrash()
	f := write(t, c, "/f", []byte("abc"))
	c.SyncAll()
	after := c.CrashClone(rand.New(rand.NewPCG(1, 1)))
	if _, err := f.WriteAt([]byte("X"), 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove("/f"); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadFile(after, "/f"); string(got) != "abc" || err != nil {
		t.Errorf("got %q, %v; want abc", got, err)
	}
}

func TestTheSameSeedGivesTheSameDisk(t *testing.T) {
	c := NewCrash()
	for i := range 20 {
		write(t, c, fmt.Sprintf("/f%d", i), bytes.Repeat([]byte{byte(i + 1)}, 2000))
	}
	for seed := range uint64(20) {
		a := dump(t, c.CrashClone(rand.New(rand.NewPCG(seed, 0))), "/")
		b := dump(t, c.CrashClone(rand.New(rand.NewPCG(seed, 0))), "/")
		if a != b {
			t.Fatalf("seed %d: two disks differ", seed)
		}
	}
}

// TestCrashBehavesAsTheRealFilesystem runs the same random operations on both and
// compares results and trees.
func TestCrashBehavesAsTheRealFilesystem(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		root := t.TempDir()
		sim := NewCrash()
		if err := MkdirAll(sim, root, 0o755); err != nil {
			t.Fatal(err)
		}
		for step := range 120 {
			op, a, b, n := rng.IntN(9), randomPath(rng), randomPath(rng), rng.IntN(3000)
			data := randomBytes(rng, 1+rng.IntN(1500))
			run := func(fsys FS) error {
				return randomOp(fsys, op, filepath.Join(root, a), filepath.Join(root, b), n, data)
			}
			gotErr, wantErr := run(sim), run(OS)
			if errnoOf(gotErr) != errnoOf(wantErr) {
				t.Fatalf("seed %d, step %d: operation %d of %s, %s: got %v, want %v", seed, step, op, a, b, gotErr, wantErr)
			}
		}
		if got, want := dump(t, sim, root), dump(t, OS, root); got != want {
			t.Fatalf("seed %d: got tree\n%s\nwant\n%s", seed, got, want)
		}
	}
}

func randomPath(rng *rand.Rand) string {
	parts := make([]string, 1+rng.IntN(3))
	for i := range parts {
		parts[i] = string(rune('a' + rng.IntN(3)))
	}
	return filepath.Join(parts...)
}

func randomOp(fsys FS, op int, a, b string, n int, data []byte) error {
	onFile := func(flag int, fn func(f File) error) error {
		f, err := fsys.OpenFile(a, flag, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(fn(f), f.Close())
	}
	switch op {
	case 0:
		return fsys.Mkdir(a, 0o755)
	case 1:
		return fsys.Rename(a, b)
	case 2:
		return fsys.Remove(a)
	case 3:
		return onFile(os.O_RDWR|os.O_CREATE, func(f File) error { _, err := f.WriteAt(data, int64(n)); return err })
	case 4:
		return onFile(os.O_WRONLY|os.O_CREATE|os.O_TRUNC, func(f File) error { _, err := f.Write(data); return err })
	case 5:
		return onFile(os.O_WRONLY|os.O_APPEND, func(f File) error { _, err := f.Write(data); return err })
	case 6:
		return onFile(os.O_RDWR, func(f File) error { return errors.Join(f.Truncate(int64(n)), f.Sync()) })
	case 7:
		return onFile(os.O_WRONLY|os.O_CREATE|os.O_EXCL, func(File) error { return nil })
	default:
		return onFile(os.O_RDONLY, func(f File) error { _, err := f.ReadAt(make([]byte, 10), 0); return err })
	}
}

// errnoOf reduces an error to what programs act on.
func errnoOf(err error) error {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno) && errno == syscall.ENOTEMPTY:
		return syscall.EEXIST // rename(2) may say either
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, io.EOF):
		return io.EOF
	}
	return err
}

// dump lists a tree with sizes and bytes.
func dump(t *testing.T, fsys FS, dir string) string {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			fmt.Fprintf(&b, "%s/\n%s", path, dump(t, fsys, path))
			continue
		}
		data, err := ReadFile(fsys, path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d %x\n", path, len(data), data)
	}
	return b.String()
}
