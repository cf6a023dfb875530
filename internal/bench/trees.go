package bench

import (
	"archive/tar"
	"bufio"
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	treeFiles = 7000
	treeDirs  = 700
)

func treeWorkloads() []Workload {
	warmTree := func(w *Work) error {
		if err := unpackedTree(w); err != nil {
			return err
		}
		for range 2 { // the first pass may read listings, the second finds them cached
			if _, err := listTree(w.path("tree")); err != nil {
				return err
			}
		}
		return nil
	}
	inProcess := func(w *Work) (n float64, err error) {
		err = w.Time(func() error {
			m, err := listTree(w.path("tree"))
			n = float64(m)
			return err
		})
		return n, err
	}
	byCommand := func(w *Work) (float64, error) {
		return entries(w), w.Time(func() error { return run("ls", "-lR", w.path("tree")) })
	}
	return []Workload{
		{
			Name: "untar", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: func(w *Work) error {
				if _, err := readThrough(w.Tar); err != nil {
					return err
				}
				return os.Mkdir(w.path("unpacked"), 0o755)
			},
			Run: func(w *Work) (float64, error) {
				return entries(w), w.Time(func() error { return run("tar", "-xf", w.Tar, "-C", w.path("unpacked")) })
			},
			After: func(w *Work) error { return os.RemoveAll(w.path("unpacked")) },
		},
		{Name: "ls-lR-warm", Unit: "files/s", Beside: Loopback, Target: 1, Prepare: warmTree, Run: inProcess},
		{Name: "ls-lR-cold", Unit: "files/s", Beside: Loopback, Target: 1, Cold: true, Prepare: unpackedTree, Run: inProcess},
		{Name: "ls-lR-command-warm", Unit: "files/s", Beside: Loopback, Target: 1, Prepare: warmTree, Run: byCommand},
		{Name: "ls-lR-command-cold", Unit: "files/s", Beside: Loopback, Target: 1, Cold: true, Prepare: unpackedTree, Run: byCommand},
		{
			Name: "grep-r-cold", Unit: "files/s", Cold: true, Prepare: unpackedTree,
			Run: func(w *Work) (float64, error) {
				return float64(w.count(treeFiles)), w.Time(func() error { return run("grep", "-rc", "e", w.path("tree")) })
			},
		},
		{
			Name: "rm-rf", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: func(w *Work) error {
				dir := w.path("doomed")
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return err
				}
				if err := run("tar", "-xf", w.Tar, "-C", dir); err != nil {
					return err
				}
				return w.settle()
			},
			Run: func(w *Work) (float64, error) {
				return entries(w), w.Time(func() error { return run("rm", "-rf", w.path("doomed")) })
			},
		},
	}
}

// entries is how many files and directories the archive holds.
func entries(w *Work) float64 { return float64(w.count(treeFiles) + w.count(treeDirs)) }

// unpackedTree makes the tree that the listings share.
func unpackedTree(w *Work) error {
	if _, err := os.Stat(w.path("tree", "complete")); err == nil {
		return nil
	}
	if err := os.MkdirAll(w.path("tree"), 0o755); err != nil {
		return err
	}
	if err := run("tar", "-xf", w.Tar, "-C", w.path("tree")); err != nil {
		return err
	}
	if err := os.Mkdir(w.path("tree", "complete"), 0o755); err != nil {
		return err
	}
	return w.settle()
}

// run runs a program and fails with what it said.
func run(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return nil
}

// listTree reads every directory and the attributes of every entry, and returns how many there are.
func listTree(dir string) (int, error) {
	f, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return 0, err
	}
	total := len(names)
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Fstatat(int(f.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return total, fmt.Errorf("stat %s/%s: %w", dir, name, err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			n, err := listTree(filepath.Join(dir, name))
			total += n
			if err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// writeTar makes an archive like that of a source tree: text files of 1 KiB to 100 KiB, half of them under 4 KiB, ten to a
// directory, three deep. The same call makes the same bytes.
func writeTar(name string, files, dirs int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, mib)
	tw := tar.NewWriter(buffered)
	rng := rand.New(rand.NewPCG(7, 7))
	text := csvText(4*mib, 7)
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	paths := make([]string, dirs)
	for i := range paths {
		paths[i] = fmt.Sprintf("dir-%03d", i)
		if i >= 10 {
			paths[i] = paths[i/10] + "/" + paths[i]
		}
		if err := tw.WriteHeader(&tar.Header{Name: paths[i] + "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: when}); err != nil {
			return err
		}
	}
	for i := range files {
		size := int(min(100<<10, max(1<<10, 4096*math.Exp(rng.NormFloat64()))))
		off := rng.IntN(len(text) - size)
		h := &tar.Header{Name: fmt.Sprintf("%s/file-%05d.txt", paths[i%dirs], i), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(size), ModTime: when}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(text[off : off+size]); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return f.Close()
}
