package fs_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/rdfs/rdfs/fs"
)

// BenchmarkCreate makes files of 4 KiB through a real mount, from several goroutines.
func BenchmarkCreate(b *testing.B) {
	d := newDrive(b, fs.Options{})
	data := make([]byte, 4096)
	var n atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		dir := d.path(fmt.Sprint("dir", n.Add(1)))
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for i := 0; pb.Next(); i++ {
			if err := os.WriteFile(fmt.Sprintf("%s/%d", dir, i), data, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	})
}
