package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRealFilesHaveADescriptorAndSimulatedOnesNone(t *testing.T) {
	f, err := Create(OS, filepath.Join(t.TempDir(), "f"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok := f.Fd(); !ok {
		t.Error("got no descriptor of a real file")
	}
	g, err := Create(NewCrash(), "/f", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := g.Fd(); ok {
		t.Error("got a descriptor of a simulated file")
	}
}

func TestSyncFSWorksOnADirectory(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys FS, dir string) {
		d, err := fsys.OpenFile(dir, os.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := d.SyncFS(); err != nil {
			t.Error(err)
		}
		if err := d.Sync(); err != nil {
			t.Error(err)
		}
	})
}

func TestAClosedFileCannotBeSynced(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys FS, dir string) {
		f, err := Create(fsys, filepath.Join(dir, "f"), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for _, sync := range []func() error{f.Sync, f.SyncFS} {
			if err := sync(); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("got %v, want %v", err, fs.ErrClosed)
			}
		}
	})
}

func TestFreeCountsBytesAndInodes(t *testing.T) {
	bytes, inodes, err := Free(t.TempDir())
	if err != nil || bytes <= 0 || inodes <= 0 {
		t.Errorf("got %d bytes, %d inodes, %v", bytes, inodes, err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if _, _, err := Free(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v, want %v with the path", err, fs.ErrNotExist)
	}
}

func TestFaultyFailsTheChosenOperation(t *testing.T) {
	broken := errors.New("broken")
	for _, op := range []Op{OpOpen, OpCreate, OpRename, OpRemove, OpMkdir, OpReadDir, OpStat, OpSyncDir,
		OpRead, OpWrite, OpTruncate, OpSync, OpSyncFS, OpClose} {
		t.Run(string(op), func(t *testing.T) {
			eachFS(t, func(t *testing.T, under FS, dir string) {
				fsys := NewFaulty(under, func(o Op, _ string) error {
					if o == op {
						return broken
					}
					return nil
				})
				if err := everyOperation(fsys, under, dir); !errors.Is(err, broken) {
					t.Errorf("got %v, want %v", err, broken)
				}
			})
		})
	}
	eachFS(t, func(t *testing.T, under FS, dir string) {
		fsys := NewFaulty(under, func(Op, string) error { return nil })
		if err := everyOperation(fsys, under, dir); err != nil {
			t.Errorf("without a fault: %v", err)
		}
	})
}

// everyOperation uses all of fsys and returns all errors.
func everyOperation(fsys, under FS, dir string) error {
	path, other, sub := filepath.Join(dir, "f"), filepath.Join(dir, "g"), filepath.Join(dir, "s")
	if err := WriteFile(under, path, strings.NewReader("0123456789"), 0o600); err != nil {
		return err
	}
	var errs []error
	keep := func(err error) { errs = append(errs, err) }
	if f, err := fsys.OpenFile(path, os.O_RDWR, 0); err != nil {
		keep(err)
	} else {
		p := make([]byte, 2)
		_, err := f.Read(p)
		keep(err)
		_, err = f.ReadAt(p, 1)
		keep(err)
		_, err = f.Write(p)
		keep(err)
		_, err = f.WriteAt(p, 4)
		keep(err)
		keep(f.Truncate(5))
		keep(f.Sync())
		keep(f.SyncFS())
		keep(f.Close())
	}
	if f, err := Create(fsys, other, 0o600); err != nil {
		keep(err)
	} else {
		keep(f.Close())
	}
	_, err := fsys.Stat(path)
	keep(err)
	_, err = fsys.ReadDir(dir)
	keep(err)
	keep(fsys.Mkdir(sub, 0o755))
	keep(fsys.Rename(path, other))
	keep(fsys.Remove(other))
	keep(fsys.SyncDir(dir))
	return errors.Join(errs...)
}

func TestAWriteThatFailsLeavesHalf(t *testing.T) {
	full := errors.New("full")
	fsys := NewFaulty(NewCrash(), func(op Op, _ string) error {
		if op == OpWrite {
			return full
		}
		return nil
	})
	f, err := Create(fsys, "/f", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte("12345678")); n != 4 || !errors.Is(err, full) {
		t.Errorf("got %d, %v; want 4, %v", n, err, full)
	}
}
