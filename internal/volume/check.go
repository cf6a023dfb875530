package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/cache"
	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/draft"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/pack"
)

// Check reads the whole repository and reports what is wrong: the catalog's file,
// its rows and their references, the drafts, and the packs' directories; with data
// every byte of the packs and of the cache as well. It changes nothing, holds
// little memory however large the repository is, and may run while the drive is used.
func (v *Volume) Check(ctx context.Context, data bool, progress func(Progress)) (CheckResult, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	c := &checker{v: v, ctx: ctx, progress: progress, data: data}
	for _, phase := range []func() error{c.engine, c.nodes, c.names, c.versions, c.past, c.saves, c.contents, c.chunks, c.drafts, c.packs, c.cached} {
		if err := phase(); err != nil {
			return c.r, err
		}
	}
	return c.r, nil
}

// checker is one run of Check.
type checker struct {
	v        *Volume
	ctx      context.Context
	progress func(Progress)
	data     bool
	r        CheckResult
}

// maxFindings bounds what is reported; errors are counted beyond.
const maxFindings = 1000

// page is how many rows are looked at in one transaction.
const page = 500

func (c *checker) find(severity, object, problem, fix string) {
	if severity == "error" {
		c.r.Errors++
	}
	if len(c.r.Findings) < maxFindings {
		c.r.Findings = append(c.r.Findings, Finding{Severity: severity, Object: object, Problem: problem, Fix: fix})
	}
}

const (
	fixCatalog = "put back a copy of the catalog directory from a backup, or ask for help before writing to the drive"
	fixPack    = "put back a copy of this file from a backup of the tier; the versions that need it cannot be read until then"
	fixCopy    = "leave it to the mounted drive, which makes it anew from another copy when it meets it; `rdfs scrub` looks for it at once"
	fixNewer   = "use a newer rdfs: the one that wrote this pack, or one after it"
	fixHistory = "copy the file to another name and remove it; the copy begins a history of its own"
	fixDraft   = "restore an earlier version with `rdfs restore`, or remove the file"
)

func (c *checker) engine() error {
	c.progress(Progress{Phase: "checking the catalog file"})
	return c.v.cat.CheckEngine(c.ctx, func(problem string) { c.find("error", "catalog", problem, fixCatalog) })
}

// nodes checks every node row: that it has names, and that its bytes are somewhere.
func (c *checker) nodes() error {
	for from := catalog.Inode(0); ; {
		n := 0
		err := c.v.cat.View(func(tx *catalog.Tx) error {
			return tx.Nodes(from, func(i catalog.Inode, row *catalog.Node) bool {
				c.node(tx, i, row)
				from = i + 1
				n++
				return n < page
			})
		})
		if err != nil {
			c.find("error", fmt.Sprintf("catalog, inode %d or after", from), err.Error(), fixCatalog)
			return c.ctx.Err()
		}
		c.r.Rows += int64(n)
		c.progress(Progress{Phase: "checking files", Done: c.r.Rows, Unit: "rows"})
		if n < page || c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
}

func (c *checker) node(tx *catalog.Tx, i catalog.Inode, row *catalog.Node) {
	names := uint32(0)
	tx.Names(i, func(n catalog.Name) bool {
		if j, err := tx.Lookup(n.Dir, n.Name); err != nil || j != i {
			c.find("error", c.path(tx, i), "a name of it is recorded that does not lead to it: "+n.Name, fixCatalog)
		}
		names++
		return true
	})
	switch {
	case row.IsDir():
		if i != catalog.Root && names != 1 {
			c.find("error", c.path(tx, i), fmt.Sprintf("a directory with %d names", names), fixCatalog)
		}
		if parent, err := tx.Node(row.Parent); err != nil || !parent.IsDir() {
			c.find("error", c.path(tx, i), "its parent is not a directory", fixCatalog)
		}
		return
	case names != row.Nlink:
		c.find("error", c.path(tx, i), fmt.Sprintf("%d names, and a link count of %d", names, row.Nlink), fixCatalog)
	}
	if !row.IsRegular() {
		return
	}
	c.r.Files++
	c.history(tx, i, row)
	switch {
	case row.Gen != 0:
		if _, err := tx.Draft(i, row.Gen); err != nil {
			c.find("error", c.path(tx, i), "it is unsealed and the catalog does not say where its draft is", fixCatalog)
		}
	case row.Content.IsZero():
		c.find("error", c.path(tx, i), "it has neither a draft nor sealed content", fixDraft)
	case !tx.HasContent(row.Content):
		c.find("error", c.path(tx, i), "its content "+row.Content.String()+" is unknown", fixCatalog)
	}
}

// history checks that no other file has the history of a file, and that its newest
// version is what it holds.
func (c *checker) history(tx *catalog.Tx, i catalog.Inode, row *catalog.Node) {
	if holder, held := tx.Holder(row.File); !held || holder != i {
		other := "no file, by the table of holders"
		if held {
			other = c.path(tx, holder)
		}
		c.find("error", c.path(tx, i), "its history is that of "+other+", too", fixHistory)
	}
	switch {
	case row.Gen != 0, row.Content.IsZero():
		return
	case row.Keep != catalog.KeepData: // it has no versions, but those from when it was data
		return
	case anyWaits(tx, row.File): // it is numbered when the saves before it are sealed
		return
	}
	last := tx.LastSeq(row.File, row.Seq)
	if ver, err := tx.Version(row.File, last); err != nil || last != row.Seq || ver.Content != row.Content {
		c.find("note", c.path(tx, i), fmt.Sprintf("its newest version, %d, is not what it holds", last), "save the file once more")
	}
}

func (c *checker) path(tx *catalog.Tx, i catalog.Inode) string {
	if p, err := tx.Path(i); err == nil {
		return "/" + p
	}
	return fmt.Sprintf("inode %d", i)
}

// names checks that every name leads to a node.
func (c *checker) names() error {
	for dir, after := catalog.Root, ""; ; {
		n := 0
		err := c.v.cat.View(func(tx *catalog.Tx) error {
			tx.AllNames(dir, after, func(d catalog.Inode, e catalog.Dirent) bool {
				dir, after = d, e.Name
				if row, err := tx.Node(e.Ino); err != nil {
					c.find("error", c.path(tx, d)+"/"+e.Name, "the name leads to an inode that does not exist", fixCatalog)
				} else if row.Type() != e.Type {
					c.find("error", c.path(tx, d)+"/"+e.Name, "the name and the inode differ in type", fixCatalog)
				}
				n++
				return n < page
			})
			return nil
		})
		if err != nil {
			c.find("error", "catalog, names", err.Error(), fixCatalog)
			return c.ctx.Err()
		}
		c.r.Rows += int64(n)
		if n < page || c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
}

// versions checks that the content of every version is known.
func (c *checker) versions() error {
	file, seq := catalog.FileID(0), catalog.Seq(0)
	for {
		n := 0
		err := c.v.cat.View(func(tx *catalog.Tx) error {
			return tx.AllVersions(file, seq, func(ver *catalog.Version) bool {
				file, seq = ver.File, ver.Seq+1
				if !tx.HasContent(ver.Content) {
					c.find("error", fmt.Sprintf("version %d of file %d", ver.Seq, ver.File), "its content "+ver.Content.String()+" is unknown", fixCatalog)
				}
				n++
				return n < page
			})
		})
		if err != nil {
			c.find("error", "catalog, versions", err.Error(), fixCatalog)
			return c.ctx.Err()
		}
		c.r.Rows += int64(n)
		if n < page || c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
}

// saves checks that what waits to become a version has its bytes.
func (c *checker) saves() error {
	err := c.v.cat.View(func(tx *catalog.Tx) error {
		return tx.AllSaves(0, func(s *catalog.Save) bool {
			if !s.Sealed() {
				if d, err := tx.Draft(s.Inode, s.Gen); err != nil || !slices.Contains(d.Also, s.File) && (!d.Detached || d.File != s.File) {
					c.find("error", fmt.Sprintf("save of file %d", s.File), fmt.Sprintf("draft %d.%d is not one of it", s.Inode, s.Gen), fixCatalog)
				}
			} else if !tx.HasContent(s.Version.Content) {
				c.find("error", fmt.Sprintf("save of file %d", s.File), "its content "+s.Version.Content.String()+" is unknown", fixCatalog)
			}
			c.r.Rows++
			return true
		})
	})
	if err != nil {
		c.find("error", "catalog, saves", err.Error(), fixCatalog)
	}
	return c.ctx.Err()
}

// contents checks that the chunks of every content are known and add up.
func (c *checker) contents() error {
	for after := (blob.ID{}); ; {
		n := 0
		err := c.v.cat.View(func(tx *catalog.Tx) error {
			tx.Contents(after, func(id blob.ID) bool {
				after = id
				c.content(tx, id)
				n++
				return n < page
			})
			return nil
		})
		if err != nil {
			c.find("error", "catalog, contents", err.Error(), fixCatalog)
			return c.ctx.Err()
		}
		c.r.Rows += int64(n)
		if n < page || c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
}

func (c *checker) content(tx *catalog.Tx, id blob.ID) {
	m, err := tx.Content(id)
	if err != nil {
		c.find("error", "content "+id.String(), err.Error(), fixCatalog)
		return
	}
	size := int64(0)
	for _, chunk := range m.Chunks {
		size += int64(chunk.Size)
		if l, err := tx.Chunk(chunk.ID); err != nil || l.Size != chunk.Size {
			c.find("error", "content "+id.String(), "its chunk "+chunk.ID.String()+" is unknown or of another size", fixCatalog)
		}
	}
	if size != m.Size {
		c.find("error", "content "+id.String(), fmt.Sprintf("its chunks have %d bytes, not %d", size, m.Size), fixCatalog)
	}
}

// chunks checks that the pack of every chunk is known and large enough.
func (c *checker) chunks() error {
	for after := (blob.ID{}); ; {
		n := 0
		err := c.v.cat.View(func(tx *catalog.Tx) error {
			return tx.Chunks(after, func(id blob.ID, l blob.Location) bool {
				after = id
				if p, err := tx.Pack(l.Pack); err != nil {
					c.find("error", "chunk "+id.String(), "its pack "+l.Pack.String()+" is unknown", fixCatalog)
				} else if int64(l.Offset)+int64(l.Stored) > p.Size {
					c.find("error", "chunk "+id.String(), "it lies beyond the end of its pack "+l.Pack.String(), fixCatalog)
				}
				n++
				return n < page
			})
		})
		if err != nil {
			c.find("error", "catalog, chunks", err.Error(), fixCatalog)
			return c.ctx.Err()
		}
		c.r.Rows += int64(n)
		if n < page || c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
}

// drafts checks that the file of every draft is there.
func (c *checker) drafts() error {
	var list []catalog.Draft
	err := c.v.cat.View(func(tx *catalog.Tx) error {
		return tx.Drafts(0, 0, func(d *catalog.Draft) bool { list = append(list, *d); return true })
	})
	if err != nil {
		c.find("error", "catalog, drafts", err.Error(), fixCatalog)
	}
	for k := range list {
		d := &list[k]
		path := c.v.drafts.path(d.Inode, d.Gen)
		if _, err := os.Stat(path); err == nil {
			if why := c.v.drafts.failure(path); why != nil {
				c.v.cat.View(func(tx *catalog.Tx) error {
					c.find("error", c.path(tx, d.Inode), "what it holds was never stored: "+why.Error(), fixDraft)
					return nil
				})
			}
			continue
		}
		// It may have been sealed, or removed, since the rows were read.
		c.v.cat.View(func(tx *catalog.Tx) error {
			if _, err := tx.Draft(d.Inode, d.Gen); err == nil {
				c.find("error", c.path(tx, d.Inode), "its draft "+path+" is missing", fixDraft)
			}
			return nil
		})
	}
	return nil
}

// packs checks that every pack is in the tier, whole.
func (c *checker) packs() error {
	total := int64(0)
	c.v.cat.View(func(tx *catalog.Tx) error { total = int64(tx.Counters().Packs); return nil })
	for after := (blob.PackID{}); ; {
		var list []catalog.Pack
		err := c.v.cat.View(func(tx *catalog.Tx) error {
			return tx.Packs(after, func(p *catalog.Pack) bool {
				list = append(list, *p)
				return len(list) < page
			})
		})
		if err != nil {
			c.find("error", "catalog, packs", err.Error(), fixCatalog)
			return c.ctx.Err()
		}
		for k := range list {
			p := &list[k]
			after = p.ID
			if err := c.ctx.Err(); err != nil {
				return err
			}
			c.progress(Progress{Phase: "checking packs", Done: c.r.Packs, Total: total, Unit: "packs"})
			if err := c.pack(p); err != nil {
				return err
			}
			c.r.Packs++
		}
		if len(list) < page {
			return nil
		}
	}
}

// pack checks each copy of a pack.
func (c *checker) pack(p *catalog.Pack) error {
	key := pack.Key(p.ID)
	type bad struct {
		tier string
		err  error
	}
	var found []bad
	good := 0
	see := func(tier string, store tiers.Store) error {
		err := c.copy(p, store)
		if errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			found = append(found, bad{tier, err})
		} else {
			good++
		}
		return nil
	}
	if len(p.Where) == 0 {
		if err := see("", c.v.store); err != nil {
			return err
		}
	}
	for _, at := range p.Where {
		t, ok := c.v.store.Tier(at.Tier)
		if !ok {
			continue // it is not in the configuration: what it holds does not count
		}
		if err := see(t.Name, t.Store); err != nil {
			return err
		}
	}
	if good+len(found) == 0 {
		found = append(found, bad{"", fmt.Errorf("it is in no tier of rdfs.yaml, but in %s", strings.Join(p.In(), ", "))})
	}
	if len(found) == 0 {
		return nil
	}
	gone := false // it may have been collected since the row was read
	c.v.cat.View(func(tx *catalog.Tx) error {
		_, err := tx.Pack(p.ID)
		gone = errors.Is(err, catalog.ErrNotExist)
		return nil
	})
	for _, b := range found {
		fix := fixPack
		switch {
		case gone:
			continue
		case errors.Is(b.err, pack.ErrVersion):
			fix = fixNewer
		case good > 0:
			fix = fixCopy
		}
		object := key
		if len(c.v.o.Tiers) > 1 && b.tier != "" {
			object += " in tier " + b.tier
		}
		c.find("error", object, b.err.Error(), fix)
	}
	return nil
}

// copy checks a pack in a tier.
func (c *checker) copy(p *catalog.Pack, store tiers.Store) error {
	key := pack.Key(p.ID)
	info, err := store.Stat(c.ctx, key)
	if err != nil {
		return err
	}
	if info.Size != p.Size {
		return fmt.Errorf("it has %d bytes, not %d: %w", info.Size, p.Size, blob.ErrCorrupt)
	}
	d, err := pack.Load(c.ctx, store, c.v.ring, key, p.Size)
	if err != nil {
		return err
	}
	if !c.data {
		return nil
	}
	if _, err := pack.Verify(c.v.ring, &object{c.ctx, store, key}, p.Size); err != nil {
		return err
	}
	c.r.Bytes += p.Size
	reader := draft.NewReader(store, c.v.ring)
	for _, e := range d.Entries {
		if e.Type != pack.ChunkEntry {
			continue
		}
		if _, err := reader.Chunk(c.ctx, blob.Chunk{ID: e.ID, Size: e.Size}, e.Location, nil); err != nil {
			return err
		}
	}
	return nil
}

// object reads one object of a tier as an io.ReaderAt.
type object struct {
	ctx   context.Context
	store tiers.Store
	key   string
}

func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if err := o.store.ReadAt(o.ctx, o.key, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

var _ io.ReaderAt = (*object)(nil)

// cached checks the files of the cache against the contents that they should have.
func (c *checker) cached() error {
	if !c.data {
		return nil
	}
	var done int64
	err := c.v.cache.Walk(func(e cache.Entry) bool {
		id, size, ok := c.v.cachedContent(e.Key)
		if !ok {
			return c.ctx.Err() == nil // a leftover, which the cache removes by itself
		}
		c.progress(Progress{Phase: "checking the cache", Done: done, Unit: "files"})
		done++
		err := c.v.cache.Verify(c.ctx, e, id, size)
		if now, _, still := c.v.cachedContent(e.Key); errors.Is(err, blob.ErrCorrupt) && still && now == id {
			c.find("error", e.Path, err.Error(), "remove this file; the tier holds the content and rdfs brings it back")
		} else if err == nil {
			c.r.Bytes += e.Size
		}
		return c.ctx.Err() == nil
	})
	return errors.Join(err, c.ctx.Err())
}

// cachedContent returns what a file of the cache should hold.
func (v *Volume) cachedContent(k cache.Key) (id blob.ID, size int64, ok bool) {
	v.cat.View(func(tx *catalog.Tx) error {
		if k.Ino != 0 {
			row, err := tx.Node(catalog.Inode(k.Ino))
			if err == nil && row.Gen == 0 && !row.Content.IsZero() && row.Size > 0 { // nothing is never cached
				id, size, ok = row.Content, row.Size, true
			}
			return nil
		}
		if m, err := tx.Content(k.ID); err == nil {
			id, size, ok = m.ID, m.Size, true
		}
		return nil
	})
	return id, size, ok
}
