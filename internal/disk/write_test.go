package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// eachFS runs fn on the real filesystem and on the simulated one; dir exists.
func eachFS(t *testing.T, fn func(t *testing.T, fsys FS, dir string)) {
	t.Run("os", func(t *testing.T) { fn(t, OS, t.TempDir()) })
	t.Run("crash", func(t *testing.T) {
		fsys := NewCrash()
		if err := MkdirAll(fsys, "/d", 0o755); err != nil {
			t.Fatal(err)
		}
		fn(t, fsys, "/d")
	})
}

func TestWriteFileMakesAndReplaces(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys FS, dir string) {
		path := filepath.Join(dir, "f")
		for _, want := range []string{"first", "the second, which is longer", ""} {
			if err := WriteFile(fsys, path, strings.NewReader(want), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := ReadFile(fsys, path)
			if err != nil || string(got) != want {
				t.Fatalf("got %q, %v; want %q", got, err, want)
			}
		}
		if got := names(t, fsys, dir); !slices.Equal(got, []string{"f"}) {
			t.Errorf("got entries %q, want only f", got)
		}
	})
}

func TestWriteFileTakesTheLongestName(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys FS, dir string) {
		path := filepath.Join(dir, strings.Repeat("n", 255))
		if err := WriteFile(fsys, path, strings.NewReader("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWriteFileThatFailsLeavesTheOldFileAndNoTemp(t *testing.T) {
	for _, op := range []Op{OpCreate, OpWrite, OpSync, OpClose, OpRename} {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
			t.Run(fmt.Sprintf("%s %v", op, errno), func(t *testing.T) {
				eachFS(t, func(t *testing.T, under FS, dir string) {
					path := filepath.Join(dir, "f")
					if err := WriteFile(under, path, strings.NewReader("old"), 0o600); err != nil {
						t.Fatal(err)
					}
					fsys := NewFaulty(under, func(o Op, _ string) error {
						if o == op {
							return errno
						}
						return nil
					})
					err := WriteFile(fsys, path, strings.NewReader("new bytes"), 0o600)
					if !errors.Is(err, errno) || !strings.Contains(err.Error(), path) {
						t.Errorf("got %v, want %v with the path", err, errno)
					}
					if got, err := ReadFile(under, path); err != nil || string(got) != "old" {
						t.Errorf("got %q, %v; want the old bytes", got, err)
					}
					if got := names(t, under, dir); !slices.Equal(got, []string{"f"}) {
						t.Errorf("got entries %q, want only f", got)
					}
				})
			})
		}
	}
}

func TestWriteFileReportsAFailedDirectorySync(t *testing.T) {
	fsys := NewFaulty(NewCrash(), func(op Op, _ string) error {
		if op == OpSyncDir {
			return syscall.EIO
		}
		return nil
	})
	if err := WriteFile(fsys, "/f", strings.NewReader("x"), 0o600); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want EIO", err)
	}
}

func TestWriteFilePassesOnTheErrorOfItsSource(t *testing.T) {
	broken := errors.New("source broke")
	src := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	fsys := NewCrash()
	if err := WriteFile(fsys, "/f", src, 0o600); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the source", err)
	}
	if got := names(t, fsys, "/"); len(got) != 0 {
		t.Errorf("got entries %q, want none", got)
	}
}

func TestRemoveTempsRemovesOnlyWhatWasLeftUnfinished(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys FS, dir string) {
		for _, name := range []string{"f", "rdfs-tmp", tempPrefix + "0~f", tempPrefix + "7~g"} {
			f, err := Create(fsys, filepath.Join(dir, name), 0o600)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		n, err := RemoveTemps(fsys, dir)
		if n != 2 || err != nil {
			t.Errorf("removed %d, %v; want 2", n, err)
		}
		if got, want := names(t, fsys, dir), []string{"f", "rdfs-tmp"}; !slices.Equal(got, want) {
			t.Errorf("got entries %q, want %q", got, want)
		}
	})
}

// TestWriteFileIsNeverTornByAPowerLoss cuts the power between any two steps of
// writers that replace a few files, thousands of times.
func TestWriteFileIsNeverTornByAPowerLoss(t *testing.T) {
	const rounds = 300
	crashes := 0
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fsys := NewCrash()
		acked := map[string][]byte{}    // what WriteFile returned nil for
		var writing string              // the path of the call in progress
		possible := map[string][]byte{} // its new bytes
		cut := func(when string) {
			crashes++
			after := fsys.CrashClone(rng)
			for path, want := range acked {
				got, err := ReadFile(after, path)
				if bytes.Equal(got, want) && err == nil {
					continue
				}
				if path == writing && err == nil && bytes.Equal(got, possible[path]) {
					continue
				}
				t.Fatalf("seed %d, %s: %s holds %d bytes, %v: neither the old nor the new", seed, when, path, len(got), err)
			}
			if got, err := ReadFile(after, writing); acked[writing] == nil && err == nil && !bytes.Equal(got, possible[writing]) {
				t.Fatalf("seed %d, %s: %s is torn", seed, when, writing)
			}
		}
		watched := NewFaulty(fsys, func(op Op, path string) error {
			cut(fmt.Sprintf("before %s of %s", op, path))
			return nil
		})
		if err := MkdirAll(fsys, "/a/b", 0o755); err != nil {
			t.Fatal(err)
		}
		for range 4 {
			writing = fmt.Sprintf("/a/b/f%d", rng.IntN(2))
			data := randomBytes(rng, 1+rng.IntN(4000))
			possible[writing] = data
			// In pieces, as from a pipe.
			src := iotest.HalfReader(bytes.NewReader(data))
			if err := WriteFile(watched, writing, src, 0o600); err != nil {
				t.Fatal(err)
			}
			acked[writing] = data
			writing = ""
			cut("after WriteFile returned")
		}
	}
	if crashes < 5000 {
		t.Errorf("only %d crashes were tried", crashes)
	}
}

func TestMkdirAllSurvivesPowerLoss(t *testing.T) {
	for seed := range uint64(100) {
		fsys := NewCrash()
		for _, path := range []string{"/a/b/c", "/a/b/d/e", "/a"} {
			if err := MkdirAll(fsys, path, 0o755); err != nil {
				t.Fatal(err)
			}
			after := fsys.CrashClone(rand.New(rand.NewPCG(seed, 2)))
			if info, err := after.Stat(path); err != nil || !info.IsDir() {
				t.Fatalf("seed %d: %s is lost: %v", seed, path, err)
			}
		}
	}
}

func TestMkdirAllRefusesAFileInTheWay(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys FS, dir string) {
		file := filepath.Join(dir, "f")
		if err := WriteFile(fsys, file, strings.NewReader("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := MkdirAll(fsys, file, 0o755); !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want %v", err, fs.ErrExist)
		}
		if err := MkdirAll(fsys, filepath.Join(file, "g"), 0o755); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("got %v, want ENOTDIR", err)
		}
	})
}

func names(t *testing.T, fsys FS, dir string) []string {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	return got
}

func randomBytes(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(1 + rng.IntN(255)) // never 0, which is what a hole reads as
	}
	return p
}
