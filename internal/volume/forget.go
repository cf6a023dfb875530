package volume

import (
	"github.com/rdfs/rdfs/catalog"
)

// forgetLook and forgetRemove are how many rows are looked at, and removed, in one
// transaction: about a millisecond, for which others wait.
const (
	forgetLook   = 1000
	forgetRemove = 250
)

// raiseHorizon lets go of the moments before the window of time travel.
func (g *collector) raiseHorizon() error {
	v := g.v
	plan := func(tx *catalog.Tx) (e catalog.Epoch) {
		return max(tx.Horizon(), tx.EpochAt(v.timeNow()-catalog.Time(v.o.GC.TimeTravel)))
	}
	note := func(tx *catalog.Tx, e catalog.Epoch) {
		g.keeping.Horizon, g.keeping.Named = e, tx.Named()
		if when, err := tx.EpochTime(e); err == nil {
			g.r.Horizon = when.Time()
		} else if when, err := tx.EpochTime(1); err == nil {
			g.r.Horizon = when.Time()
		}
	}
	if g.dry {
		if err := v.cat.View(func(tx *catalog.Tx) error { note(tx, plan(tx)); return nil }); err != nil {
			return err
		}
	} else {
		err := v.cat.Update(func(tx *catalog.Tx) error {
			e := plan(tx)
			tx.RaiseHorizon(e)
			note(tx, e)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return g.cover()
}

// cover finds what holds cover now.
func (g *collector) cover() (err error) {
	g.keeping.HeldInode, g.keeping.HeldFile = nil, nil
	if g.covered, err = g.v.coveredByHolds(g.ctx); g.covered != nil {
		g.keeping.HeldInode, g.keeping.HeldFile = g.covered.inode, g.covered.file
	}
	return err
}

// stillCovered reports, in a transaction, whether no hold was placed since cover.
func (g *collector) stillCovered() bool {
	if g.covered == nil {
		return g.v.holds.n.Load() == 0
	}
	return g.v.holds.version() == g.covered.at
}

// remove calls fn for a part of what was found at a time, in an Update, unless a hold
// was placed meanwhile: then what holds cover is found anew, and again is true.
func remove[T any](g *collector, found []T, fn func(tx *catalog.Tx, part []T) error) (again bool, err error) {
	for len(found) > 0 && !again {
		part := found[:min(len(found), forgetRemove)]
		found = found[len(part):]
		err := g.v.cat.Update(func(tx *catalog.Tx) error {
			if again = !g.stillCovered(); again {
				return nil
			}
			return fn(tx, part)
		})
		if err == nil {
			err = g.pause()
		}
		if err != nil {
			return false, err
		}
	}
	if again {
		return true, g.cover()
	}
	return false, nil
}

// past removes the rows of the past that are not kept. Directories of which nothing is
// remembered any more are noticed a pass later than what was in them.
func (g *collector) past() error {
	for pass := 0; ; pass++ {
		gone := int64(0)
		for from := []byte(nil); ; {
			var keys [][]byte
			var next []byte
			err := g.v.cat.View(func(tx *catalog.Tx) error {
				keys, next = g.keeping.Find(tx, from, forgetLook)
				return nil
			})
			if err != nil {
				return err
			}
			if !g.dry {
				again, err := remove(g, keys, func(tx *catalog.Tx, part [][]byte) error { tx.Forget(part); return nil })
				if err != nil {
					return err
				}
				if again {
					from = nil
					continue
				}
			}
			gone += int64(len(keys))
			g.progress(Progress{Phase: "forgetting", Done: g.r.PastForgotten + gone, Unit: "rows"})
			if from = next; from == nil {
				break
			}
			if err := g.pause(); err != nil {
				return err
			}
		}
		g.r.PastForgotten += gone
		if gone == 0 || g.dry {
			break
		}
	}
	for why, n := range g.keeping.Kept {
		if why := catalog.Reason(why); why != catalog.Forgettable && n > 0 {
			g.r.PastKept[why.String()] = n
		}
	}
	return nil
}

// versions removes the versions that are not kept. Where all are kept it does nothing.
func (g *collector) versions() error {
	if !g.v.o.GC.Versions.Limited {
		return nil
	}
	needed, err := g.neededVersions()
	if err != nil {
		return err
	}
	type row struct {
		file catalog.FileID
		savedVersion
	}
	var (
		file catalog.FileID
		all  []savedVersion // of file
	)
	for from, seq := catalog.FileID(0), catalog.Seq(0); ; {
		rows := make([]row, 0, forgetLook)
		err := g.v.cat.View(func(tx *catalog.Tx) error {
			return tx.AllVersions(from, seq, func(v *catalog.Version) bool {
				from, seq = v.File, v.Seq+1
				_, show := needed.shown.find(versionKey(v.File, v.Seq))
				rows = append(rows, row{v.File, savedVersion{v.Seq, v.Saved, v.Epoch, show}})
				return len(rows) < forgetLook
			})
		})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.file != file {
				if err := g.versionsOf(file, all, needed); err != nil {
					return err
				}
				file, all = r.file, all[:0]
			}
			all = append(all, r.savedVersion)
		}
		if len(rows) < forgetLook {
			return g.versionsOf(file, all, needed)
		}
		if err := g.pause(); err != nil {
			return err
		}
	}
}

// versionsOf removes the versions of one file that are not kept.
func (g *collector) versionsOf(file catalog.FileID, all []savedVersion, needed *neededVersions) error {
	for {
		held := g.covered != nil && g.covered.file(file)
		_, live := needed.files.find(uint64(file) << 1)
		kept, gone := map[string]int64{}, []catalog.Seq(nil)
		for _, d := range g.v.o.GC.Versions.plan(all, live, held, g.keeping.Horizon, g.start) {
			if d.keep {
				kept[d.why]++
			} else {
				gone = append(gone, d.seq)
			}
		}
		if g.dry {
			for _, s := range gone {
				g.doomed.add(versionKey(file, s))
			}
		} else {
			again, err := remove(g, gone, func(tx *catalog.Tx, part []catalog.Seq) error {
				for _, s := range part {
					tx.DeleteVersion(file, s)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if again {
				continue // what is gone already is not in the way
			}
		}
		for why, n := range kept {
			g.r.VersionsKept[why] += n
		}
		g.r.VersionsGone += int64(len(gone))
		g.progress(Progress{Phase: "forgetting versions", Done: g.r.VersionsGone, Unit: "versions"})
		return nil
	}
}

// neededVersions are the versions that the live tree and the kept past show, and the
// files of the live tree.
type neededVersions struct {
	shown idSet // of versionKey
	files idSet
}

// versionKey is a number for a version; two may have the same, and then one is kept
// that need not be.
func versionKey(f catalog.FileID, s catalog.Seq) uint64 {
	return (uint64(f)<<24 ^ uint64(f)>>40 ^ uint64(s)) << 1
}

func (g *collector) neededVersions() (*neededVersions, error) {
	n := new(neededVersions)
	err := g.eachNode(&g.keeping, func(row *catalog.Node) {
		n.shown.add(versionKey(row.File, row.Seq))
		n.files.add(uint64(row.File) << 1)
	}, func(tx *catalog.Tx, row *catalog.PastNode) {
		if row.Why == catalog.OfDeleted && !g.recoverable(tx, row.Died) {
			return
		}
		n.shown.add(versionKey(row.File, row.Seq))
		if row.Gen != 0 { // it was not sealed yet: the next version is what it held
			n.shown.add(versionKey(row.File, row.Seq+1))
		}
	})
	n.shown.sort()
	n.files.sort()
	return n, err
}

// recoverable reports whether what was removed in an epoch must still be kept as it was.
func (g *collector) recoverable(tx *catalog.Tx, died catalog.Epoch) bool {
	keep, forever := g.v.o.GC.Versions.removedFor(g.v.o.GC.TimeTravel)
	when, err := tx.EpochTime(died)
	return forever || err == nil && g.start-when <= catalog.Time(keep)
}

// eachNode calls live for the nodes of the tree, and past for those that k keeps of the
// past.
func (g *collector) eachNode(k *catalog.Keeping, live func(*catalog.Node), past func(*catalog.Tx, *catalog.PastNode)) error {
	done := int64(0)
	for from := catalog.Inode(0); ; {
		n := 0
		err := g.v.cat.View(func(tx *catalog.Tx) error {
			return tx.Nodes(from, func(i catalog.Inode, row *catalog.Node) bool {
				from = i + 1
				live(row)
				n++
				return n < forgetLook
			})
		})
		if err == nil {
			err = g.pause()
		}
		if err != nil {
			return err
		}
		done += int64(n)
		g.progress(Progress{Phase: "marking", Done: done, Unit: "rows"})
		if n < forgetLook {
			break
		}
	}
	for from, first := []byte(nil), true; first || from != nil; first = false {
		err := g.v.cat.View(func(tx *catalog.Tx) (err error) {
			from, err = tx.PastNodes(k, from, forgetLook, func(row *catalog.PastNode) { past(tx, row) })
			return err
		})
		if err == nil {
			err = g.pause()
		}
		if err != nil {
			return err
		}
		done += forgetLook
		g.progress(Progress{Phase: "marking", Done: done, Unit: "rows"})
	}
	return nil
}
