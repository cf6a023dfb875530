package kv

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// The benchmarks run over a committed tree of benchNodes nodes, laid out like a
// catalog: 1 node ino, 2 name parent‖name, 3 parent ino‖parent‖name.
const (
	benchNodes = 1_000_000
	benchDir   = 1000 // names per directory
)

var benchTables = []TableSpec{{ID: 1, Name: "node", Rising: true}, {ID: 2, Name: "name"}, {ID: 3, Name: "parent", Rising: true}}

func benchNode(ino uint64) []byte { return append([]byte{1}, u64(ino)...) }

func benchName(dir, ino uint64) []byte {
	return fmt.Appendf(append([]byte{2}, u64(dir)...), "file-%08d.csv", ino)
}

func benchCreate(tx *Tx, dir, ino uint64, now uint64) {
	name := benchName(dir, ino)
	if tx.Get(name) != nil {
		return
	}
	parent := tx.Get(benchNode(dir))
	_ = tx.Get(benchNode(ino))
	node := make([]byte, 0, 96)
	node = append(node, parent...)
	tx.Put(benchNode(ino), binary.BigEndian.AppendUint64(node, now)[:80:80])
	tx.Put(name, u64(ino))
	tx.Put(append(append([]byte{3}, u64(ino)...), u64(dir)...), nil)
	tx.Put(benchNode(dir), append([]byte(nil), node[:80]...))
	tx.Put(benchNode(2), append([]byte(nil), node[:80]...))
}

// benchDB makes the tree, or an empty one.
func benchDB(b *testing.B, nodes uint64, o Options) *DB {
	b.Helper()
	o.Tables = benchTables
	db := mustOpen(b, mustOpenBolt(b, filepath.Join(b.TempDir(), "catalog.db")), o)
	template := make([]byte, 80)
	for ino := uint64(1); ino <= nodes; {
		mustUpdate(b, db, func(tx *Tx) {
			for range 2000 {
				dir := ino / benchDir * benchDir
				tx.Put(benchNode(ino), template)
				tx.Put(benchName(dir, ino), u64(ino))
				tx.Put(append(append([]byte{3}, u64(ino)...), u64(dir)...), nil)
				ino++
			}
		})
	}
	mustSync(b, db)
	runtime.GC()
	b.ResetTimer()
	b.ReportAllocs()
	return db
}

func BenchmarkCreateLike(b *testing.B) {
	db := benchDB(b, benchNodes, Options{})
	var ino atomic.Uint64
	ino.Store(benchNodes + 1)
	for _, procs := range []int{1, 4} {
		b.Run(fmt.Sprintf("goroutines=%d", procs*runtime.GOMAXPROCS(0)), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(procs)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := ino.Add(1)
					if err := db.Update(func(tx *Tx) error { benchCreate(tx, 1+i%8*benchDir, i, i); return nil }); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i := ino.Add(1)
			if err := db.Update(func(tx *Tx) error { benchCreate(tx, 1+i%8*benchDir, i, i); return nil }); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkGetPair(b *testing.B) {
	db := benchDB(b, benchNodes, Options{})
	look := func(b *testing.B, i uint64) {
		ino := 1 + i*2654435761%(benchNodes-1)
		err := db.View(func(tx *Tx) error {
			if tx.Get(benchName(ino/benchDir*benchDir, ino)) == nil || tx.Get(benchNode(ino)) == nil {
				b.Errorf("node %d is missing", ino)
			}
			return nil
		})
		if err != nil {
			b.Error(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		i := uint64(0)
		for b.Loop() {
			look(b, i)
			i++
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		var n atomic.Uint64
		b.SetParallelism(4)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				look(b, n.Add(1))
			}
		})
	})
}

func BenchmarkReaddir(b *testing.B) {
	for _, pending := range []int{0, 10, 1000} {
		b.Run(fmt.Sprintf("pending=%d", pending), func(b *testing.B) {
			db := benchDB(b, 10*benchDir, Options{Interval: time.Hour, MaxRows: 1 << 30})
			mustUpdate(b, db, func(tx *Tx) {
				for i := range uint64(pending) {
					tx.Put(benchName(5*benchDir, 5*benchDir+i*uint64(benchDir/max(pending, 1))), u64(i))
				}
				tx.Put(benchName(4*benchDir, 1), u64(1)) // elsewhere
			})
			for b.Loop() {
				n := 0
				db.View(func(tx *Tx) error {
					tx.Ascend(benchName(5*benchDir, 0), append([]byte{2}, u64(5*benchDir+1)...), func(k, v []byte) bool { n++; return true })
					return nil
				})
				if n != benchDir {
					b.Fatalf("%d names", n)
				}
			}
		})
	}
}

func BenchmarkSync(b *testing.B) {
	for _, callers := range []int{1, 8} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db := benchDB(b, 0, Options{})
			var ino atomic.Uint64
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{})
			for range callers {
				go func() {
					defer func() { done <- struct{}{} }()
					for left.Add(-1) >= 0 {
						i := ino.Add(1)
						if err := db.Update(func(tx *Tx) error { benchCreate(tx, i%8, i+8, i); return nil }); err != nil {
							b.Error(err)
						}
						if err := db.Sync(context.Background()); err != nil {
							b.Error(err)
						}
					}
				}()
			}
			for range callers {
				<-done
			}
			b.ReportMetric(float64(db.Stats().Commits), "commits")
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "catalog.db")
	db := mustOpen(b, mustOpenBolt(b, path), Options{Tables: benchTables})
	for ino := uint64(1); ino <= benchNodes; {
		mustUpdate(b, db, func(tx *Tx) {
			for range 2000 {
				tx.Put(benchNode(ino), make([]byte, 80))
				tx.Put(benchName(ino/benchDir, ino), u64(ino))
				ino++
			}
		})
	}
	mustClose(b, db)
	for b.Loop() {
		e := mustOpenBolt(b, path)
		b.ReportMetric(float64(e.(*boltEngine).used.Load()>>20), "MiB")
		e.Close()
	}
}

func BenchmarkCheck(b *testing.B) {
	db := benchDB(b, benchNodes, Options{})
	for b.Loop() {
		if err := db.engine.Check(context.Background(), func(p string) { b.Error(p) }); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(db.engine.Size())
}
