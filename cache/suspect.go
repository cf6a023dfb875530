package cache

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// maxSuspects is how many suspect directories are kept: each power loss makes
// one, and it goes when the last file in it was settled. Older ones are removed.
const maxSuspects = 4

// setAside moves all files to a new directory below suspect/, unless the last
// run is trusted: three renames, however many files there are. It fills c.suspects.
func (c *Cache) setAside() error {
	top := filepath.Join(c.o.Dir, "suspect")
	var gens []int
	entries, err := os.ReadDir(top)
	if err != nil && !missing(err) {
		return err
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > 0 {
			gens = append(gens, n)
		}
	}
	slices.Sort(gens)
	slices.Reverse(gens)
	if !c.o.Trusted {
		next := 1
		if len(gens) > 0 {
			next = gens[0] + 1
		}
		moved := false
		for _, name := range []string{"live", "content", "partial"} {
			from := filepath.Join(c.o.Dir, name)
			if _, err := lstat(from); err != nil {
				continue
			}
			if err := renameInto(from, filepath.Join(top, strconv.Itoa(next), name)); err != nil {
				return err
			}
			moved = true
		}
		if moved {
			gens = append([]int{next}, gens...)
		}
	}
	gens = gens[:min(len(gens), maxSuspects)]
	c.suspects.Store(&gens)
	return nil
}

// dropSuspects removes the suspect directories that are not in use: those beyond
// maxSuspects, and those that were found empty. Files never come into one, so an
// empty one stays empty.
func (c *Cache) dropSuspects(ctx context.Context, empty []int) {
	for {
		old := c.suspects.Load()
		gens := slices.DeleteFunc(slices.Clone(*old), func(g int) bool { return slices.Contains(empty, g) })
		if c.suspects.CompareAndSwap(old, &gens) {
			break
		}
	}
	top := filepath.Join(c.o.Dir, "suspect")
	entries, err := os.ReadDir(top)
	if err != nil {
		return
	}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if ctx.Err() != nil || err == nil && slices.Contains(*c.suspects.Load(), n) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(top, e.Name())); err != nil {
			c.log.Warn("a suspect directory of the cache could not be removed", "dir", filepath.Join(top, e.Name()), "error", err)
		}
	}
	_ = unix.Rmdir(top) // goes when it is empty
}

// rescue moves the newest suspect file of k, whole or partial, to the place of its
// partial file. It is not believed: its stamp is taken off, so that each chunk is
// hashed before it is used. The caller holds the lock of k.
func (c *Cache) rescue(k Key, m *blob.Manifest) {
	to := c.path(place{partial: true}, k)
	for _, gen := range *c.suspects.Load() {
		whole := c.path(place{gen: gen}, k)
		if st, err := lstat(whole); err == nil && st.Size == m.Size && c.moveDoubted(whole, to) {
			all := encodeFills(m, func(int) bool { return true })
			if err := c.storeFills(to+fillsSuffix, all); err == nil {
				return
			}
		}
		partial := c.path(place{gen: gen, partial: true}, k)
		if _, err := lstat(partial); err == nil && c.moveDoubted(partial, to) {
			_ = unix.Rename(partial+fillsSuffix, to+fillsSuffix)
			return
		}
	}
}

// moveDoubted takes the stamp off a file and renames it.
func (c *Cache) moveDoubted(from, to string) bool {
	fd, _, err := openStat(from, unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return setTimes(fd, unix.Timespec{Nsec: unix.UTIME_OMIT}, unix.Timespec{}) == nil && renameInto(from, to) == nil
}
