package bench

import (
	"fmt"
	"path/filepath"
	"runtime"
	"time"
)

// Kind names one of the directories that are compared.
type Kind string

const (
	Plain    Kind = "plain"
	Loopback Kind = "loopback"
	Drive    Kind = "drive"
)

// Workload is one line of the table.
type Workload struct {
	Name string // as -only and -list know it
	Unit string // of the rate: "MiB/s", "files/s", ...
	// Beside and Target: the drive should reach Target times the rate of Beside. Target 0 sets nothing.
	Beside Kind
	Target float64
	Cold   bool // empties the caches between Prepare and Run
	// Prepare makes the files that Run needs. It is untimed, and finds what earlier rounds and workloads left. May be nil.
	Prepare func(w *Work) error
	// Run calls w.Time once, and returns how many units that was.
	Run func(w *Work) (float64, error)
	// After removes what Run made and nothing needs. It is untimed. May be nil.
	After func(w *Work) error
}

// Work is one execution of a workload in one directory.
type Work struct {
	Dir   string  // where the workload may do as it likes
	Round int     // from 0
	Scale float64 // of sizes and counts; 1 is what the targets are meant for
	Tar   string  // archive to unpack
	Bed   *Bed

	dir     *directory
	elapsed time.Duration
	cpu     time.Duration
	sent    Requests
}

// Time measures fn, and what the daemon of the directory does meanwhile.
func (w *Work) Time(fn func() error) error {
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := w.Bed.counter.snapshot(w.dir)
	cpu := w.dir.cpu()
	start := time.Now()
	err := fn()
	w.elapsed = time.Since(start)
	w.cpu = w.dir.cpu() - cpu
	w.sent = w.Bed.counter.since(w.dir, before)
	return err
}

// settle finishes what happened in the directory so far.
func (w *Work) settle() error { return w.dir.settle() }

// path is a path inside the directory.
func (w *Work) path(elem ...string) string {
	return filepath.Join(append([]string{w.Dir}, elem...)...)
}

// count scales a number of files or operations.
func (w *Work) count(n int) int { return max(1, int(float64(n)*w.Scale)) }

// bytes scales a size in bytes, to whole MiB.
func (w *Work) bytes(n int64) int64 { return max(1, int64(float64(n)*w.Scale)>>20) << 20 }

// Workloads are all workloads, in the order in which they run.
func Workloads() []Workload {
	var all []Workload
	for _, group := range [][]Workload{sequentialWorkloads(), randomWorkloads(), databaseWorkloads(), smallFileWorkloads(), treeWorkloads()} {
		all = append(all, group...)
	}
	return all
}

// goal describes the target for people.
func (wl Workload) goal() string {
	if wl.Target == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f of %s", wl.Target, wl.Beside)
}

// String is a line of -list.
func (wl Workload) String() string {
	return fmt.Sprintf("%-26s %-8s %s", wl.Name, wl.Unit, wl.goal())
}
