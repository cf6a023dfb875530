package volume

import (
	"fmt"

	"github.com/rdfs/rdfs/catalog"
)

const fixSnapshot = "drop the snapshot, or put back a copy of the catalog directory from a backup"

// past checks the snapshots, the holds, and that the content of every node in the
// past that is not forgotten is known.
func (c *checker) past() error {
	var list []catalog.Snapshot
	err := c.v.cat.View(func(tx *catalog.Tx) error {
		err := tx.Snapshots("", func(s *catalog.Snapshot) bool { list = append(list, *s); return true })
		if err != nil {
			return err
		}
		return tx.Holds(func(*catalog.Hold) bool { c.r.Rows++; return true })
	})
	if err != nil {
		c.find("error", "catalog, snapshots and holds", err.Error(), fixCatalog)
	}
	for k := range list {
		s := &list[k]
		err := c.v.cat.View(func(tx *catalog.Tx) error {
			if _, err := tx.Snapshot(s.Name); err != nil {
				return nil // it was dropped since
			}
			if s.Epoch >= tx.Epoch() {
				return nil // it was taken just now
			}
			if _, err := tx.EpochTime(s.Epoch); err != nil {
				return fmt.Errorf("its epoch %d has no time", s.Epoch)
			}
			if root, err := tx.At(s.Epoch).Node(catalog.Root); err != nil || !root.IsDir() {
				return fmt.Errorf("its root directory is gone: %w", err)
			}
			return nil
		})
		if err != nil {
			c.find("error", "snapshot "+s.Name, err.Error(), fixSnapshot)
		}
		c.r.Rows++
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
	for from, first := []byte(nil), true; first || from != nil; first = false {
		err := c.v.cat.View(func(tx *catalog.Tx) (err error) {
			all := catalog.Keeping{}
			from, err = tx.PastNodes(&all, from, page, func(row *catalog.PastNode) {
				if row.IsRegular() && !row.Content.IsZero() && !tx.HasContent(row.Content) {
					c.find("error", fmt.Sprintf("inode %d before epoch %d", row.Inode, row.Died), "its content "+row.Content.String()+" is unknown", fixCatalog)
				}
				c.r.Rows++
			})
			return err
		})
		if err != nil {
			c.find("error", "catalog, past", err.Error(), fixCatalog)
			return c.ctx.Err()
		}
		c.progress(Progress{Phase: "checking history", Done: c.r.Rows, Unit: "rows"})
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
	}
	return nil
}
