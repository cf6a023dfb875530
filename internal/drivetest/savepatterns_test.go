package drivetest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A pattern is a way in which programs save.
type pattern struct {
	name string
	// next makes new content out of the old: only such changes as the pattern can save.
	next func(rng *rand.Rand, old []byte) []byte
	// save saves content over old in the existing file path; the first save has no old and no file.
	save func(t *testing.T, path string, old, content []byte)
}

// patterns are those of analysis programs, editors and office programs.
var patterns = []pattern{
	{"truncate and write", anyChange, saveTruncate},
	{"write beside and rename", anyChange, saveBeside},
	{"write beside, delete and rename", anyChange, saveDelete},
	{"rename to a backup and write", anyChange, saveBackup},
	{"rename to a backup, write, keep the backup", anyChange, saveKeepBackup},
	{"write in place", sameSize, savePlace},
	{"header rewritten at the end", grow, saveHeader},
	{"append", grow, saveAppend},
	{"mapped memory", sameSize, saveMapped},
	{"unnamed file linked into place", anyChange, saveLinked},
}

func anyChange(rng *rand.Rand, old []byte) []byte {
	return randomBytes(rng, 1+rng.IntN(300_000))
}

func grow(rng *rand.Rand, old []byte) []byte {
	if old == nil {
		old = randomBytes(rng, 5000)
	}
	return append(append([]byte{}, old...), randomBytes(rng, 1+rng.IntN(100_000))...)
}

func sameSize(rng *rand.Rand, old []byte) []byte {
	if old == nil {
		return randomBytes(rng, 200_000)
	}
	content := append([]byte{}, old...)
	at := rng.IntN(len(old) - 5000)
	copy(content[at:], randomBytes(rng, 5000))
	return content
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32() >> 13)
	}
	return b
}

func saveTruncate(t *testing.T, path string, old, content []byte) {
	t.Helper()
	f := get(os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644))(t)
	half := len(content) / 2
	get(f.Write(content[:half]))(t)
	get(f.Write(content[half:]))(t)
	must(t, f.Close())
}

func saveBeside(t *testing.T, path string, old, content []byte) {
	t.Helper()
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".x7Gh2k")
	f := get(os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600))(t)
	get(f.Write(content))(t)
	must(t, f.Chmod(0o644))
	must(t, f.Sync())
	must(t, f.Close())
	must(t, os.Rename(temp, path))
}

func saveDelete(t *testing.T, path string, old, content []byte) {
	t.Helper()
	temp := filepath.Join(filepath.Dir(path), "3FA09B21")
	must(t, os.WriteFile(temp, content, 0o644))
	if old != nil {
		must(t, os.Remove(path))
	}
	must(t, os.Rename(temp, path))
}

func saveBackup(t *testing.T, path string, old, content []byte) {
	t.Helper()
	saveKeepBackup(t, path, old, content)
	if old != nil {
		must(t, os.Remove(path+"~"))
	}
}

func saveKeepBackup(t *testing.T, path string, old, content []byte) {
	t.Helper()
	if old != nil {
		must(t, os.Rename(path, path+"~"))
	}
	f := get(os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644))(t)
	get(f.Write(content))(t)
	must(t, f.Sync())
	must(t, f.Close())
}

func savePlace(t *testing.T, path string, old, content []byte) {
	t.Helper()
	if old == nil {
		saveTruncate(t, path, old, content)
		return
	}
	f := get(os.OpenFile(path, os.O_RDWR, 0))(t)
	const block = 4096
	for at := 0; at < len(content); at += block {
		end := min(at+block, len(content))
		if string(old[at:end]) != string(content[at:end]) {
			get(f.WriteAt(content[at:end], int64(at)))(t)
		}
	}
	must(t, f.Close())
}

// saveHeader writes a wrong header first and the right one last, as HDF5 and TIFF do.
func saveHeader(t *testing.T, path string, old, content []byte) {
	t.Helper()
	f := get(os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644))(t)
	get(f.WriteAt(make([]byte, 96), 0))(t)
	get(f.WriteAt(content[len(old):], int64(len(old))))(t)
	if len(old) < 96 {
		get(f.WriteAt(content, 0))(t)
	} else {
		get(f.WriteAt(content[:96], 0))(t)
	}
	must(t, f.Close())
}

func saveAppend(t *testing.T, path string, old, content []byte) {
	t.Helper()
	f := get(os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644))(t)
	for rest := content[len(old):]; len(rest) > 0; {
		n := min(len(rest), 10_000)
		get(f.Write(rest[:n]))(t)
		rest = rest[n:]
	}
	must(t, f.Close())
}

// saveMapped closes the file before it stores into the mapping, as numpy does.
func saveMapped(t *testing.T, path string, old, content []byte) {
	t.Helper()
	f := get(os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644))(t)
	if old == nil {
		get(f.WriteAt([]byte{0}, int64(len(content)-1)))(t)
	}
	m := get(unix.Mmap(int(f.Fd()), 0, len(content), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))(t)
	must(t, f.Close())
	copy(m, content)
	must(t, unix.Munmap(m))
}

// saveLinked fills an unnamed file, links it beside and renames it over the old one.
func saveLinked(t *testing.T, path string, old, content []byte) {
	t.Helper()
	fd := get(unix.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_RDWR, 0o644))(t)
	f := os.NewFile(uintptr(fd), "unnamed")
	get(f.Write(content))(t)
	temp := path + ".tmp"
	must(t, unix.Linkat(unix.AT_FDCWD, procFD(fd), unix.AT_FDCWD, temp, unix.AT_SYMLINK_FOLLOW))
	must(t, f.Close())
	must(t, os.Rename(temp, path))
}
