package metadata

import (
	"cmp"
	"context"
	"hash/fnv"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/volume"
)

// Incomplete is a virtual directory of links to the files that lack metadata which they
// must have. A link has the name of its file; where several of these files have one
// name, all their links get the inode number before the ending: eeg~1f.csv. So a name without
// it never means another file than a moment ago, and one with it answers also where it is
// not needed.
//
// A file leaves the directory as soon as it is complete. One that comes is listed when
// the directory is next read, but the drive is gone through for it at most a fifth of
// the time. Between that 16 bytes are kept for each such file.
//
// It is safe for concurrent use. It tells nobody of a file in a directory that they may not list.
type Incomplete struct {
	s *Store

	making sync.Mutex // held by who makes the table
	mu     sync.Mutex // guards the rest
	table  []lacking  // nil: not made yet
	asOf   catalog.Epoch
	until  catalog.Time // the table is good enough until then
}

// lacking is a file that was incomplete when the table was made.
type lacking struct {
	name uint64 // hash of its name
	ino  catalog.Inode
}

func compareLacking(a, b lacking) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.ino, b.ino))
}

// Incomplete returns that directory.
func (s *Store) Incomplete() *Incomplete { return &Incomplete{s: s} }

// Lookup returns the link of a name.
func (x *Incomplete) Lookup(dir, name string, who volume.Identity) (volume.Link, error) {
	if dir != "" {
		return volume.Link{}, volume.ErrNotDir
	}
	i, marked := markOf(name)
	if !marked {
		t, err := x.current()
		if err != nil {
			return volume.Link{}, err
		}
		k := firstOf(t, name)
		if k == len(t) || t[k].name != hashName(name) || clashes(t, k) {
			return volume.Link{}, volume.ErrNotExist
		}
		i = t[k].ino
	}
	is, ok := x.name(i, who)
	if !ok || name != is && name != Mark(is, i) {
		return volume.Link{}, volume.ErrNotExist
	}
	return volume.Link{Name: name, Target: i}, nil
}

// List returns links in an order of its own.
func (x *Incomplete) List(dir, after string, limit int, who volume.Identity) ([]volume.Link, error) {
	if dir != "" {
		return nil, volume.ErrNotDir
	}
	t, err := x.current()
	if err != nil {
		return nil, err
	}
	var out []volume.Link
	for k := position(t, after); k < len(t) && len(out) < limit; k++ {
		i := t[k].ino
		name, ok := x.name(i, who)
		if !ok || hashName(name) != t[k].name {
			continue
		}
		if _, looks := markOf(name); looks || clashes(t, k) {
			name = Mark(name, i)
		}
		out = append(out, volume.Link{Name: name, Target: i})
	}
	return out, nil
}

// name returns the name of a file that is incomplete, and that somebody may see.
func (x *Incomplete) name(i catalog.Inode, who volume.Identity) (name string, ok bool) {
	x.s.vol.Catalog().View(func(tx *catalog.Tx) error {
		p, err := tx.Path(i)
		if err != nil {
			return err
		}
		var levels []level
		_, err = stepDown(tx, p, func(at string, j catalog.Inode, row *catalog.Node) error {
			levels = append(levels, levelOf(tx, at, row.File))
			if j == i {
				ok = len(x.s.missing(levels, row)) > 0
			} else if !volume.May(row, who, 5) {
				return volume.ErrAccess
			}
			return nil
		})
		name = path.Base(p)
		ok = ok && err == nil
		return err
	})
	return name, ok
}

// current returns the table, made anew if it is time to.
func (x *Incomplete) current() ([]lacking, error) {
	t, ok := x.known()
	switch {
	case ok:
		return t, nil
	case t == nil:
		x.making.Lock()
		if t, ok = x.known(); ok {
			x.making.Unlock()
			return t, nil
		}
	case !x.making.TryLock():
		return t, nil // somebody is at it
	}
	defer x.making.Unlock()
	return x.make()
}

// known returns the table as it is; ok is false when it should be made.
func (x *Incomplete) known() (t []lacking, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.table == nil {
		return nil, false
	}
	if x.s.vol.Now() < x.until {
		return x.table, true
	}
	changed := true
	x.s.vol.Catalog().View(func(tx *catalog.Tx) error { changed = tx.ChangedAfter(x.asOf); return nil })
	return x.table, !changed
}

// The table is made again after minAge at the earliest, and after timesTook times as long
// as it took.
const (
	minAge    = time.Second / 2
	timesTook = 4
)

// make goes through the drive.
func (x *Incomplete) make() ([]lacking, error) {
	v := x.s.vol
	start := v.Now()
	var asOf catalog.Epoch
	v.Catalog().View(func(tx *catalog.Tx) error { asOf = tx.Epoch() - 1; return nil }) // the open one goes on
	t := []lacking{}
	if x.s.schema.Requires() || v.RequiresMeta() {
		levels, root, err := x.s.levels("")
		if err != nil {
			return nil, err
		}
		w := walk{s: x.s, ctx: context.Background(), levels: levels} // as root: all are listed, and shown by who asks
		w.visit = func(i catalog.Inode, row *catalog.Node) {
			if len(x.s.missing(w.levels, row)) > 0 {
				t = append(t, lacking{hashName(path.Base(w.levels[len(w.levels)-1].path)), i})
			}
		}
		row, err := v.Getattr(root)
		if err == nil {
			err = w.below(root, &row.Node)
		}
		if err != nil {
			return nil, err
		}
		slices.SortFunc(t, compareLacking)
		t = slices.Compact(t) // hard links
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	now := v.Now()
	x.table, x.asOf, x.until = t, asOf, now+max(catalog.Time(minAge), timesTook*(now-start))
	return t, nil
}

func hashName(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// firstOf returns where the files of a name begin in a table.
func firstOf(t []lacking, name string) int {
	k, _ := slices.BinarySearchFunc(t, lacking{name: hashName(name)}, compareLacking)
	return k
}

// clashes reports whether another file has the name of the k-th.
func clashes(t []lacking, k int) bool {
	return k > 0 && t[k-1].name == t[k].name || k+1 < len(t) && t[k+1].name == t[k].name
}

// position returns where in a table the files after a link begin.
func position(t []lacking, after string) int {
	if after == "" {
		return 0
	}
	i, marked := markOf(after)
	if !marked {
		k := firstOf(t, after)
		for k < len(t) && t[k].name == hashName(after) {
			k++
		}
		return k
	}
	at := lacking{hashName(unmarked(after)), i}
	k, found := slices.BinarySearchFunc(t, at, compareLacking)
	if found {
		return k + 1
	}
	// The name was too long to be kept whole in the link.
	if j := slices.IndexFunc(t, func(l lacking) bool { return l.ino == i }); j >= 0 {
		return j + 1
	}
	return k
}

// Mark returns a name with an inode number before its ending, cut short if need be.
func Mark(name string, i catalog.Inode) string {
	stem, ending := splitEnding(name)
	number := "~" + strconv.FormatUint(uint64(i), 16)
	if over := len(name) + len(number) - volume.MaxName; over > 0 {
		if over >= len(stem) { // it is nearly all ending
			stem, ending = name, ""
		}
		stem = strings.ToValidUTF8(stem[:len(stem)-over], "")
	}
	return stem + number + ending
}

// splitEnding cuts a name at its first dot that is not its first character.
func splitEnding(name string) (stem, ending string) {
	if dot := strings.IndexByte(name, '.'); dot > 0 {
		return name[:dot], name[dot:]
	}
	if dot := strings.IndexByte(strings.TrimPrefix(name, "."), '.'); dot > 0 {
		return name[:dot+1], name[dot+1:]
	}
	return name, ""
}

// markOf returns the inode number that Mark has put into a name.
func markOf(name string) (i catalog.Inode, ok bool) {
	stem, _ := splitEnding(name)
	at := strings.LastIndexByte(stem, '~')
	if at < 0 {
		return 0, false
	}
	digits := stem[at+1:]
	n, err := strconv.ParseUint(digits, 16, 64)
	return catalog.Inode(n), err == nil && n != 0 && strconv.FormatUint(n, 16) == digits
}

// unmarked is the inverse of Mark for a name that was not cut short.
func unmarked(name string) string {
	stem, ending := splitEnding(name)
	return stem[:strings.LastIndexByte(stem, '~')] + ending
}
