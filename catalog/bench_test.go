package catalog

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
)

var million = flag.Int("million", 1_000_000, "nodes of BenchmarkBuild")

// benchCatalog returns a catalog in a file, with a directory (inode 2) of n files.
func benchCatalog(b *testing.B, n int) *Catalog {
	e, err := kv.OpenBolt(filepath.Join(b.TempDir(), "catalog.db"), kv.BoltOptions{Reserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	c := open(b, e, Options{})
	update(b, c, func(tx *Tx) {
		i := tx.NewInode()
		tx.PutNode(i, &Node{Mode: TypeDir | 0o755, Nlink: 2, File: FileID(i), Parent: Root})
		tx.PutName(Root, "dir", i, TypeDir)
	})
	names := benchNames(n)
	for len(names) > 0 {
		part := names[:min(500, len(names))]
		names = names[len(part):]
		update(b, c, func(tx *Tx) {
			for _, name := range part {
				benchCreate(tx, 2, name)
			}
		})
	}
	closeEpoch(b, c)
	return c
}

func benchNames(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("sub-%07d_task-rest_eeg.csv", i)
	}
	return list
}

// benchCreate does what creating a file costs: node, name and its reverse, draft, and the directory's times.
func benchCreate(tx *Tx, dir Inode, name string) (Inode, error) {
	if _, err := tx.Lookup(dir, name); err == nil {
		return 0, fmt.Errorf("%s exists", name)
	}
	d, err := tx.Node(dir)
	if err != nil {
		return 0, err
	}
	i := tx.NewInode()
	now := TimeOf(time.Now())
	n := Node{Mode: TypeRegular | 0o644, Nlink: 1, UID: 1000, GID: 1000, Atime: now, Mtime: now, Ctime: now, Btime: now, File: FileID(i), Gen: 1}
	tx.PutNode(i, &n)
	tx.PutName(dir, name, i, n.Mode)
	tx.PutDraft(&Draft{Inode: i, Gen: 1, Opened: now, UID: 1000, GID: 1000, Program: "python3 fit.py"})
	d.Mtime, d.Ctime = now, now
	tx.PutNode(dir, &d)
	return i, nil
}

// One Update per file, with its share of the commits.
func BenchmarkCreate(b *testing.B) {
	c := benchCatalog(b, 0)
	names := benchNames(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := c.Update(func(tx *Tx) error { _, err := benchCreate(tx, 2, names[i]); return err }); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.Sync(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkLookup(b *testing.B) {
	const n = 100_000
	c := benchCatalog(b, n)
	names := benchNames(n)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if err := c.View(func(tx *Tx) error {
			ino, err := tx.Lookup(2, names[i*7919%n])
			if err == nil {
				_, err = tx.Node(ino)
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookupOfNothing(b *testing.B) {
	c := benchCatalog(b, 1000)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		c.View(func(tx *Tx) error { tx.Lookup(2, "sub-0000500.txt"); return nil })
	}
}

func BenchmarkReadDir(b *testing.B) {
	const n = 1000
	read := func(b *testing.B, c *Catalog, at Epoch, want int) {
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			got := 0
			view(b, c, func(tx *Tx) { tx.At(at).ReadDir(2, "", func(Dirent) bool { got++; return true }) })
			if got != want {
				b.Fatalf("got %d names, want %d", got, want)
			}
		}
	}
	c := benchCatalog(b, n)
	view(b, c, func(tx *Tx) {})
	first := closeEpoch(b, c)
	b.Run("live", func(b *testing.B) { read(b, c, Live, n) })
	b.Run("at, nothing changed since", func(b *testing.B) { read(b, c, first, n) })
	names := benchNames(n)
	rewrite := func(times int) {
		for k := range times {
			change(b, c, func(tx *Tx) {
				for i, name := range names {
					tx.PutName(2, name, Inode(1_000_000*(k%2+1)+i), TypeRegular)
				}
			})
		}
	}
	rewrite(1)
	b.Run("at, each changed once since", func(b *testing.B) { read(b, c, first, n) })
	rewrite(19)
	b.Run("live, each changed 20 times", func(b *testing.B) { read(b, c, Live, n) })
	b.Run("at, each changed 20 times since", func(b *testing.B) { read(b, c, first, n) })
	b.Run("at, each changed 20 times before", func(b *testing.B) { read(b, c, closeEpoch(b, c), n) })
}

func BenchmarkPointInThePast(b *testing.B) {
	c := benchCatalog(b, 1)
	first := closeEpoch(b, c)
	for k := range 100 {
		change(b, c, func(tx *Tx) { tx.PutNode(3, &Node{Mode: TypeRegular, Size: int64(k)}) })
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		view(b, c, func(tx *Tx) {
			if _, err := tx.At(first).Node(3); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkBuild creates a million files in directories of a thousand.
func BenchmarkBuild(b *testing.B) {
	for range b.N {
		c := benchCatalog(b, 0)
		names := benchNames(1000)
		dir := Root
		for i := range *million {
			err := c.Update(func(tx *Tx) (err error) {
				if i%1000 == 0 {
					name := fmt.Sprint(i / 1000)
					if dir, err = benchCreate(tx, Root, name); err != nil {
						return err
					}
				}
				_, err = benchCreate(tx, dir, names[i%1000])
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		closeEpoch(b, c)
		b.ReportMetric(float64(*million)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
		b.ReportMetric(float64(c.Size())/float64(*million), "B/file")
	}
}
