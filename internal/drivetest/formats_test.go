package drivetest

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// edit rewrites a file of a repository.
func edit(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	must(t, os.WriteFile(file, change(get(os.ReadFile(file))(t)), 0o600))
}

func replace(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return []byte(strings.Replace(string(b), old, with, 1)) }
}

// futureCatalog makes the row that names the catalog's format say 77.
func futureCatalog(t *testing.T, file string) {
	t.Helper()
	engine := get(kv.OpenBolt(file, kv.BoltOptions{Reserve: -1}))(t)
	db := get(kv.Open(engine, kv.Options{Tables: []kv.TableSpec{{ID: 'm', Name: "meta"}}}))(t)
	must(t, db.Update(func(tx *kv.Tx) error { tx.Put([]byte("mformat"), []byte{77}); return nil }))
	must(t, db.Close())
}

// futurePack makes a pack say that it is of format 77, with sums that are right.
func futurePack(b []byte) []byte {
	const trailer = 128
	binary.LittleEndian.PutUint16(b[8:], 77)
	end := b[len(b)-trailer:]
	binary.LittleEndian.PutUint16(end[46:], 77)
	sum := blob.Sum(b[:len(b)-trailer])
	copy(end[48:], sum[:])
	dir := binary.LittleEndian.Uint64(end)
	size := binary.LittleEndian.Uint64(end[8:])
	own := append(append(append([]byte{}, b[:64]...), b[dir:dir+size]...), end[:80]...)
	sum = blob.Sum(own)
	copy(end[80:], sum[:])
	return b
}

// What a newer rdfs wrote is refused, not guessed at: with the name of what is new, and
// what to do. Nothing is changed by the refusal.
func TestFormatsOfTheFutureAreRefused(t *testing.T) {
	x := soundRepository(t)
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, repo string)
		words []string
	}{
		{"rdfs.yaml", func(t *testing.T, repo string) {
			edit(t, filepath.Join(repo, "rdfs.yaml"), replace("version: 1", "version: 77"))
		}, []string{"rdfs.yaml", "77", "newer"}},
		{"catalog", func(t *testing.T, repo string) { futureCatalog(t, filepath.Join(repo, "catalog", "catalog.db")) },
			[]string{"catalog", "77", "newer"}},
		{"tier", func(t *testing.T, repo string) {
			edit(t, filepath.Join(repo, "blobs", "rdfs-tier"), replace(`"format": 1`, `"format": 77`))
		}, []string{"rdfs-tier", "77", "newer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := x.copy(t)
			c.spoil(t, d.repo)
			before := snapshotOf(t, d.repo)
			d.refused(d.rdfs("mount", d.repo, d.mnt), c.words...)
			d.refused(d.rdfs("check", d.repo), c.words...)
			if isMounted(d.mnt) {
				t.Error("it is mounted")
			}
			for path, sum := range snapshotOf(t, d.repo) {
				if was, ok := before[path]; ok && was != sum && filepath.Base(path) != "rdfs.log" {
					t.Errorf("%s was changed", path)
				}
			}
		})
	}
	t.Run("pack", func(t *testing.T) { // it may be one among many, and the others are read
		d := x.copy(t)
		file := filesUnder(t, filepath.Join(d.repo, "blobs", "packs"))[0]
		edit(t, file, futurePack)
		must(t, os.RemoveAll(filepath.Join(d.repo, "cache")))
		d.mount()
		x.wantVerified(t, d)
		res, r := d.tryCheck()
		if r.err == nil || res.Errors == 0 {
			t.Errorf("check: %v", r)
		}
		found := false
		for _, f := range res.Findings {
			text := f.Object + ": " + f.Problem + ": " + f.Fix
			found = found || strings.Contains(text, filepath.Base(file)) && strings.Contains(text, "version 77") && strings.Contains(text, "newer")
		}
		if !found {
			t.Errorf("no finding names the pack, its version and what to do: %+v", res.Findings)
		}
	})
}

// snapshotOf returns the hashes of the files of a repository. The catalog's engine keeps
// its own books when it is opened, and run/ is about the run.
func snapshotOf(t *testing.T, repo string) map[string]string {
	t.Helper()
	sums := make(map[string]string)
	must(t, filepath.WalkDir(repo, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || strings.Contains(p, "/run/") || strings.Contains(p, "/catalog/") {
			return err
		}
		sums[p], err = hashFile(p)
		return err
	}))
	return sums
}
