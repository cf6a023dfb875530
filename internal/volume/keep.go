package volume

import (
	"fmt"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/naming"
)

// What is staged or local-only is a draft like any other: durable when it was fsynced,
// taken up by the next mount. It is not queued to be sealed before its name says that
// it is data.

// queue schedules the draft of n to be sealed if it is data. n.mu is held.
func (v *Volume) queue(n *node, row *catalog.Node) {
	if row.Keep == catalog.KeepData {
		v.sealer.schedule(n, row)
	}
}

// keepNow returns what becomes of a node's bytes by the scheme as it is now: the best
// of its names decides.
func (v *Volume) keepNow(tx *catalog.Tx, i catalog.Inode, row *catalog.Node) catalog.Keep {
	s := &v.names
	if s.scheme == nil {
		return catalog.KeepData
	}
	keep := catalog.KeepLocal
	tx.Names(i, func(n catalog.Name) bool {
		keep = min(keep, keepOf(s.dir(tx, n.Dir).Classify(n.Name, kindOf(row.Mode), nil)))
		return true
	})
	return keep
}

// promote queues a draft that has become data by its new name. n.mu is held.
func (v *Volume) promote(n *node, row *catalog.Node) {
	if row.Keep != catalog.KeepData || row.Gen == 0 || n.writers > 0 || n.job != nil || !row.IsRegular() {
		return
	}
	if n.draft == "" {
		n.draft, n.gen = v.drafts.path(n.ino, row.Gen), row.Gen
	}
	v.drafts.noteClosed(n.draft)
	v.sealer.schedule(n, row)
}

// rekeep sets what becomes of a node's bytes under a new name: with several names, the
// best of them.
func (v *Volume) rekeep(row *catalog.Node, verdict naming.Verdict, only bool) (promoted bool) {
	was := row.Keep
	if keep := keepOf(verdict); only || keep < row.Keep {
		row.Keep = keep
	}
	promoted = was != catalog.KeepData && row.Keep == catalog.KeepData
	if promoted {
		shape(row, verdict)
	}
	return promoted
}

// judge asks the scheme about a rename: about the new name if it is new, and for a
// directory about everything in it.
func (r *renaming) judge(tx *catalog.Tx, q *question, exchange bool) error {
	s := &r.v.names
	if s.scheme == nil {
		return nil
	}
	if r.back { // it was there before
		s.forget()
		return nil
	}
	if exchange {
		return r.judgeExchange(tx, q)
	}
	except := ""
	if r.dir == r.newDir {
		except = r.name
	}
	verdict := naming.Verdict{Class: naming.Valid}
	if r.dst != 0 { // the name is there, and stays what it is
		if r.dstRow.Keep != catalog.KeepData {
			verdict.Class = naming.Staged
		}
		if r.dstRow.Keep == catalog.KeepLocal {
			verdict.Class = naming.LocalOnly
		}
	} else {
		var err error
		if verdict, err = q.judge(tx, r.newDir, r.newName, r.srcRow.Mode, except); err != nil {
			return err
		}
	}
	if r.srcRow.IsDir() {
		from, to := s.dir(tx, r.dir).Enter(r.name), s.dir(tx, r.newDir).Enter(r.newName)
		if err := r.judgeBelow(tx, q, r.src, from, to); err != nil {
			return err
		}
		r.srcRow.Keep = keepOf(verdict)
		s.forget()
		return nil
	}
	mode := r.srcRow.Mode
	if r.v.rekeep(&r.srcRow, verdict, r.srcRow.Nlink == 1) {
		r.promoted = append(r.promoted, r.src)
	}
	r.remoded = r.srcRow.Mode != mode
	return nil
}

// judgeExchange: names stay, what they mean changes.
func (r *renaming) judgeExchange(tx *catalog.Tx, q *question) error {
	s := &r.v.names
	for _, half := range []struct {
		i   catalog.Inode
		row *catalog.Node
		dir catalog.Inode
		old string
		to  catalog.Inode
		new string
	}{
		{r.src, &r.srcRow, r.dir, r.name, r.newDir, r.newName},
		{r.dst, &r.dstRow, r.newDir, r.newName, r.dir, r.name},
	} {
		if half.row.IsDir() {
			if err := r.judgeBelow(tx, q, half.i, s.dir(tx, half.dir).Enter(half.old), s.dir(tx, half.to).Enter(half.new)); err != nil {
				return err
			}
		}
	}
	s.forget()
	r.srcRow.Keep, r.dstRow.Keep = r.dstRow.Keep, r.srcRow.Keep
	for i, row := range map[catalog.Inode]*catalog.Node{r.src: &r.srcRow, r.dst: &r.dstRow} {
		if row.Keep == catalog.KeepData && row.IsRegular() {
			r.promoted = append(r.promoted, i)
		}
	}
	return nil
}

// maxOffenders is how many names in a directory are told of.
const maxOffenders = 20

// judgeBelow checks everything in a directory that is to be renamed, before anything
// changes. What was wrong before may stay so.
func (r *renaming) judgeBelow(tx *catalog.Tx, q *question, dir catalog.Inode, from, to *naming.Dir) error {
	type change struct {
		i    catalog.Inode
		keep catalog.Keep
	}
	var (
		changes  []change
		problems []naming.Problem
	)
	var walk func(dir catalog.Inode, from, to *naming.Dir)
	walk = func(dir catalog.Inode, from, to *naming.Dir) {
		if from.Alike(to) || len(problems) >= maxOffenders {
			return
		}
		var entries []catalog.Dirent
		tx.ReadDir(dir, "", func(e catalog.Dirent) bool { entries = append(entries, e); return true })
		for _, e := range entries {
			kind := kindOf(e.Type)
			was, is := from.Classify(e.Name, kind, nil), to.Classify(e.Name, kind, nil)
			if is.Refused() && was.Class != naming.Invalid {
				for _, p := range to.Explain(e.Name, kind, nil).Problems {
					p.Expected = fmt.Sprintf("%s (%s/%s)", p.Expected, to.Path(), e.Name)
					problems = append(problems, p)
				}
				continue
			}
			if keepOf(was) != keepOf(is) {
				changes = append(changes, change{e.Ino, keepOf(is)})
			}
			if kind == naming.Folder {
				walk(e.Ino, from.Enter(e.Name), to.Enter(e.Name))
			}
		}
	}
	walk(dir, from, to)
	if len(problems) > 0 {
		refusal := &Refusal{Op: opRename, Dir: r.newDir, Name: r.newName, at: r.v.names.dir(tx, r.newDir), below: problems}
		q.said = append(q.said, refusal)
		return refusal
	}
	for _, c := range changes {
		row, err := tx.Node(c.i)
		if err != nil {
			return notExist(err)
		}
		if row.Keep == c.keep || row.Nlink > 1 && !row.IsDir() && c.keep > row.Keep {
			continue
		}
		if row.Keep = c.keep; row.Keep == catalog.KeepData && row.IsRegular() {
			r.promoted = append(r.promoted, c.i)
		}
		tx.PutNode(c.i, &row)
	}
	return nil
}

// settleNames does what remains after a rename: what has become data is queued. The
// nodes of the rename are locked; others are locked here, one at a time.
func (r *renaming) settleNames() {
	v := r.v
	if v.names.scheme == nil {
		return
	}
	v.names.made(r.newDir, r.newName)
	for _, i := range r.promoted {
		if n := r.nodes[i]; n != nil {
			if row, err := v.row(n); err == nil {
				v.promote(n, &row)
			}
			continue
		}
		r.later = append(r.later, i)
	}
}

// promoteLater queues nodes that became data because a directory above them was renamed. No lock
// may be held.
func (v *Volume) promoteLater(list []catalog.Inode) {
	for _, i := range list {
		n := v.nodes.acquire(i)
		n.mu.Lock()
		if row, err := v.row(n); err == nil {
			v.promote(n, &row)
		}
		n.mu.Unlock()
		v.nodes.release(n)
	}
}
