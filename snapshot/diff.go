package snapshot

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/catalog"
)

// What says how a path differs.
type What string

// The ways to differ. A file that was renamed may have been modified as well, and one
// that was modified may have other attributes.
const (
	Added    What = "added"
	Removed  What = "removed"
	Modified What = "modified" // other bytes
	Renamed  What = "renamed"
	Metadata What = "metadata" // only what Attrs says
)

// Change is a path at which two moments differ.
type Change struct {
	What    What           `json:"what"`
	Path    string         `json:"path"`
	OldPath string         `json:"old_path,omitempty"` // of what was renamed
	Type    string         `json:"type"`               // file, directory, symlink or special
	File    catalog.FileID `json:"file"`
	// Bytes: the content of the file is another one.
	Bytes   bool  `json:"bytes,omitempty"`
	Size    int64 `json:"size"` // bytes
	OldSize int64 `json:"old_size,omitempty"`
	// Attrs are what else is different: mode, owner, group, mtime, target, and the names
	// of extended attributes.
	Attrs       []string `json:"attrs,omitempty"`
	TagsAdded   []string `json:"tags_added,omitempty"`
	TagsRemoved []string `json:"tags_removed,omitempty"`

	// Was and Is are the directories that the path was and is in, in a and in b; 0: none.
	Was, Is catalog.Inode `json:"-"`

	node *catalog.Node // of what was added or removed
}

// TagsAttr is the extended attribute that holds the tags of a file.
const TagsAttr = "user.xdg.tags"

// Diff returns how the tree at the end of epoch b differs from that at the end of a,
// at and below a path ("" is the root), in order of path. Both epochs must be durable
// and readable. A file is followed by its id: over a rename, and over programs that
// save by replacing it. What is below a directory that was renamed is not named.
//
// It takes time and memory in proportion to what changed between the two, as long as
// the feed of that time is kept (Catalog.ChangesBetween).
func Diff(ctx context.Context, c *catalog.Catalog, a, b catalog.Epoch, path string) ([]Change, error) {
	if a == b {
		return nil, nil
	}
	d := differ{c: c, a: a, b: b, files: make(map[catalog.FileID]*pair),
		was: tree{a, make(map[catalog.Inode]string)}, is: tree{b, make(map[catalog.Inode]string)}}
	if err := d.gather(ctx); err != nil {
		return nil, err
	}
	if err := d.compare(ctx); err != nil {
		return nil, err
	}
	if err := d.replaced(); err != nil {
		return nil, err
	}
	if path != "" {
		below := func(p string) bool { return p == path || strings.HasPrefix(p, path+"/") }
		d.found = slices.DeleteFunc(d.found, func(x Change) bool { return !below(x.Path) && (x.OldPath == "" || !below(x.OldPath)) })
	}
	slices.SortFunc(d.found, func(x, y Change) int {
		return cmp.Or(strings.Compare(x.Path, y.Path), strings.Compare(string(x.What), string(y.What)))
	})
	return d.found, c.View(func(tx *catalog.Tx) error {
		if !tx.Readable(a) || !tx.Readable(b) {
			return fmt.Errorf("what was to be compared %w", catalog.ErrForgotten)
		}
		return nil
	})
}

// differ compares two epochs.
type differ struct {
	c       *catalog.Catalog
	a, b    catalog.Epoch
	inodes  []catalog.Inode // that may differ
	files   map[catalog.FileID]*pair
	was, is tree
	found   []Change
}

// pair is a file on both sides.
type pair struct{ was, is side }

// side is a file at one of the epochs. An inode of 0: it was not there.
type side struct {
	ino  catalog.Inode
	node catalog.Node
}

// tree is one of the epochs, with the paths of directories that were asked for.
type tree struct {
	epoch catalog.Epoch
	paths map[catalog.Inode]string
}

// step is how many inodes or files are looked at in one transaction.
const step = 256

// gather collects the inodes that may differ, and all that names led to which changed.
func (d *differ) gather(ctx context.Context) error {
	seen := make(map[catalog.Inode]bool)
	var names []catalog.Name
	var files []catalog.FileID // whose attributes changed
	add := func(i catalog.Inode) {
		if i != 0 && !seen[i] {
			seen[i] = true
			d.inodes = append(d.inodes, i)
		}
	}
	flush := func() error {
		err := d.c.View(func(tx *catalog.Tx) error {
			for _, n := range names {
				for _, e := range []catalog.Epoch{d.a, d.b} {
					if i, err := tx.At(e).Lookup(n.Dir, n.Name); err == nil {
						add(i)
					}
				}
			}
			for _, f := range files {
				if i, ok := tx.Holder(f); ok {
					add(i)
				}
			}
			return nil
		})
		names, files = names[:0], files[:0]
		return err
	}
	for ch, err := range d.c.ChangesBetween(ctx, min(d.a, d.b), max(d.a, d.b)) {
		if err != nil {
			return err
		}
		switch ch.Kind {
		case catalog.NodeChanged:
			add(ch.Inode)
		case catalog.NameChanged:
			names = append(names, catalog.Name{Dir: ch.Dir, Name: ch.Name})
		case catalog.AttrChanged:
			files = append(files, ch.File) // whose node mostly changed as well
		}
		if len(names)+len(files) >= step {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func (d *differ) compare(ctx context.Context) error {
	for part := range slices.Chunk(d.inodes, step) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := d.c.View(func(tx *catalog.Tx) error {
			for _, i := range part { // what is no data is not shown in snapshots
				if n, err := tx.At(d.a).Node(i); err == nil && n.Keep == catalog.KeepData {
					d.put(side{i, n}, func(p *pair) *side { return &p.was })
				}
				if n, err := tx.At(d.b).Node(i); err == nil && n.Keep == catalog.KeepData {
					d.put(side{i, n}, func(p *pair) *side { return &p.is })
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for part := range slices.Chunk(slices.Collect(maps.Values(d.files)), step) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := d.c.View(func(tx *catalog.Tx) error {
			for _, p := range part {
				if err := d.pair(tx, p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// shared marks the key of a node whose file another node has as well. That should not
// be, and in old repositories is.
const shared catalog.FileID = 1 << 63

// put notes a node of one of the epochs.
func (d *differ) put(s side, of func(*pair) *side) {
	for _, f := range []catalog.FileID{s.node.File, shared | catalog.FileID(s.ino)} {
		p := d.files[f]
		if p == nil {
			p = new(pair)
			d.files[f] = p
		}
		if at := of(p); at.ino == 0 {
			*at = s
			return
		}
	}
}

// pair compares one file on both sides.
func (d *differ) pair(tx *catalog.Tx, p *pair) error {
	was, is := d.was.names(tx, p.was.ino), d.is.names(tx, p.is.ino)
	kept := slices.DeleteFunc(slices.Clone(is), func(n catalog.Name) bool { return !slices.Contains(was, n) })
	is = slices.DeleteFunc(is, func(n catalog.Name) bool { return slices.Contains(kept, n) })
	was = slices.DeleteFunc(was, func(n catalog.Name) bool { return slices.Contains(kept, n) })

	var both Change
	if p.was.ino != 0 && p.is.ino != 0 {
		differences(tx.At(d.a), tx.At(d.b), &p.was.node, &p.is.node, &both)
		both.File, both.Type, both.Size = p.is.node.File, typeOf(&p.is.node), p.is.node.Size
	}
	for len(was) > 0 && len(is) > 0 {
		c := both
		c.What = Renamed
		if err := d.add(tx, c, &was[0], &is[0]); err != nil {
			return err
		}
		was, is = was[1:], is[1:]
	}
	for k := range was {
		c := Change{What: Removed, File: p.was.node.File, Type: typeOf(&p.was.node), Size: p.was.node.Size, node: &p.was.node}
		if err := d.add(tx, c, &was[k], nil); err != nil {
			return err
		}
	}
	for k := range is {
		c := Change{What: Added, File: p.is.node.File, Type: typeOf(&p.is.node), Size: p.is.node.Size, node: &p.is.node}
		if err := d.add(tx, c, nil, &is[k]); err != nil {
			return err
		}
	}
	switch {
	case !both.Bytes && len(both.Attrs) == 0:
		return nil
	case both.Bytes:
		both.What = Modified
	default:
		both.What = Metadata
	}
	if p.is.ino == catalog.Root {
		d.found = append(d.found, both)
		return nil
	}
	if len(kept) == 0 {
		return nil // it was told with the new name
	}
	return d.add(tx, both, &kept[0], &kept[0])
}

// add notes a change of what had the one name and has the other.
func (d *differ) add(tx *catalog.Tx, c Change, was, is *catalog.Name) (err error) {
	var old string
	if was != nil {
		c.Was = was.Dir
		if old, err = d.was.path(tx, *was); err != nil {
			return err
		}
	}
	switch {
	case is == nil:
		c.Path = old
	case was != nil && *was != *is:
		c.OldPath = old
		fallthrough
	default:
		c.Is = is.Dir
		if c.Path, err = d.is.path(tx, *is); err != nil {
			return err
		}
	}
	d.found = append(d.found, c)
	return nil
}

// replaced joins what was removed from a path and what was added there: people see one
// file that was modified, or one directory, or nothing. The directories above must be
// the same ones, or joined themselves.
func (d *differ) replaced() error {
	slices.SortFunc(d.found, func(x, y Change) int { return strings.Compare(x.Path, y.Path) }) // those above first
	joined := make(map[catalog.Inode]catalog.Inode)
	gone := make(map[string]int)
	for k := range d.found {
		if d.found[k].What == Removed {
			gone[d.found[k].Path] = k
		}
	}
	drop := make(map[int]bool)
	err := d.c.View(func(tx *catalog.Tx) error {
		for k := range d.found {
			c := &d.found[k]
			g, ok := gone[c.Path]
			if c.What != Added || !ok || d.found[g].Type != c.Type {
				continue
			}
			old := &d.found[g]
			if old.Was != c.Is && joined[old.Was] != c.Is {
				continue
			}
			if c.node.IsDir() {
				joined[catalog.Inode(old.File)] = catalog.Inode(c.File)
			}
			drop[g] = true
			differences(tx.At(d.a), tx.At(d.b), old.node, c.node, c)
			c.Was = old.Was
			switch {
			case c.Bytes:
				c.What = Modified
			case len(c.Attrs) > 0:
				c.What = Metadata
			default:
				drop[k] = true
			}
		}
		return nil
	})
	left := d.found[:0]
	for k := range d.found {
		if !drop[k] {
			left = append(left, d.found[k])
		}
	}
	d.found = left
	return err
}

// names returns the names that an inode had.
func (t *tree) names(tx *catalog.Tx, i catalog.Inode) (all []catalog.Name) {
	if i != 0 {
		tx.At(t.epoch).Names(i, func(n catalog.Name) bool { all = append(all, n); return true })
	}
	return all
}

// path returns the path of a name.
func (t *tree) path(tx *catalog.Tx, n catalog.Name) (string, error) {
	dir, ok := t.paths[n.Dir]
	if !ok && n.Dir != catalog.Root {
		var err error
		if dir, err = tx.At(t.epoch).Path(n.Dir); err != nil {
			return "", fmt.Errorf("path of directory %d in epoch %d: %w", n.Dir, t.epoch, err)
		}
		t.paths[n.Dir] = dir
	}
	if dir == "" {
		return n.Name, nil
	}
	return dir + "/" + n.Name, nil
}

func typeOf(n *catalog.Node) string {
	switch n.Type() {
	case catalog.TypeRegular:
		return "file"
	case catalog.TypeDir:
		return "directory"
	case catalog.TypeSymlink:
		return "symlink"
	}
	return "special"
}

// differences notes how two states of a file differ.
func differences(was, is *catalog.Tx, a, b *catalog.Node, c *Change) {
	if a.IsRegular() && b.IsRegular() {
		if a.Gen == 0 && b.Gen == 0 {
			c.Bytes = a.Content != b.Content
		} else { // one of them was not stored then
			c.Bytes = a.Size != b.Size || a.Mtime != b.Mtime
		}
		if c.Bytes {
			c.OldSize = a.Size
		}
	}
	for _, x := range []struct {
		differs bool
		name    string
	}{
		{a.Mode != b.Mode, "mode"},
		{a.UID != b.UID, "owner"},
		{a.GID != b.GID, "group"},
		{!c.Bytes && !a.IsDir() && a.Mtime != b.Mtime, "mtime"}, // of a directory it says what its names say
		{a.Target != b.Target, "target"},
		{a.Rdev != b.Rdev, "device"},
	} {
		if x.differs {
			c.Attrs = append(c.Attrs, x.name)
		}
	}
	old := attrs(was, a.File)
	for name, value := range attrs(is, b.File) {
		if before, ok := old[name]; !ok || before != value {
			c.attr(name, before, value)
		}
		delete(old, name)
	}
	for name, before := range old {
		c.attr(name, before, "")
	}
	slices.Sort(c.Attrs)
}

func (c *Change) attr(name, before, now string) {
	c.Attrs = append(c.Attrs, name)
	if name != TagsAttr {
		return
	}
	old, tags := tagsOf(before), tagsOf(now)
	c.TagsAdded = slices.DeleteFunc(slices.Clone(tags), func(s string) bool { return slices.Contains(old, s) })
	c.TagsRemoved = slices.DeleteFunc(old, func(s string) bool { return slices.Contains(tags, s) })
}

func tagsOf(value string) (tags []string) {
	for tag := range strings.SplitSeq(value, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

func attrs(tx *catalog.Tx, f catalog.FileID) map[string]string {
	all := make(map[string]string)
	tx.Attrs(f, func(name string, value []byte) bool { all[name] = string(value); return true })
	return all
}
