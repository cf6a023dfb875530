package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/tidwall/btree"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/tiers"
)

// Recovered says what Recover made.
type Recovered struct {
	Copy     string    `json:"copy"`  // the copy that it began with
	Taken    time.Time `json:"taken"` // when that was
	Bytes    int64     `json:"bytes"`
	Groups   int       `json:"groups"`   // of the log that were carried out
	Until    time.Time `json:"until"`    // the last change that is in it
	Segments int       `json:"segments"` // of the log
	// Passed are newer copies that could not be used, and why.
	Passed []string `json:"passed,omitempty"`
}

// ErrNoCopy: the tier has no copy of a catalog that can be used.
var ErrNoCopy = errors.New("no copy of the catalog")

// Recover writes the file of a catalog of the repository from the newest copy in the
// store and its log; at limits it to what was committed by then, if it is not zero.
// ring is that of the repository. write is handed the bytes of the copy; open then opens the engine over them, which
// Recover closes.
func Recover(ctx context.Context, s tiers.Store, ring *crypt.Ring, repository string, at time.Time, write func(io.Reader) error,
	open func() (kv.Engine, error), progress func(done, total int64)) (r Recovered, err error) {
	ids, err := listCopies(ctx, s)
	if err != nil {
		return r, err
	}
	for _, id := range slices.Backward(ids) {
		m, err := getManifest(ctx, s, id)
		switch {
		case err != nil:
		case m.Repository != repository:
			err = fmt.Errorf("it is of repository %s", m.Repository)
		case !at.IsZero() && m.Taken.After(at):
			continue
		default:
			err = readCopy(ctx, s, ring, m, write, progress)
		}
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, blob.ErrOffline) {
				return r, err
			}
			r.Passed = append(r.Passed, fmt.Sprintf("%s: %v", id, err))
			continue
		}
		r.Copy, r.Taken, r.Until, r.Bytes = id, m.Taken, m.Taken, m.Size
		e, err := open()
		if err != nil {
			return r, err
		}
		err = e.Declare(catalog.Tables())
		if err == nil {
			err = replay(ctx, s, id, at, e, &r)
		}
		return r, errors.Join(err, e.Close())
	}
	if at.IsZero() {
		return r, fmt.Errorf("%w of repository %s%s", ErrNoCopy, repository, passed(r.Passed))
	}
	return r, fmt.Errorf("%w of repository %s from %s or before%s", ErrNoCopy, repository, at.Format(time.RFC3339), passed(r.Passed))
}

func passed(list []string) (text string) {
	for _, p := range list {
		text += "; passed over " + p
	}
	return text
}

// readCopy hands the bytes of a copy to write, verified.
func readCopy(ctx context.Context, s tiers.Store, ring *crypt.Ring, m manifest, write func(io.Reader) error, progress func(done, total int64)) error {
	pr, pw := io.Pipe()
	go func() {
		h, done := blob.NewHasher(), int64(0)
		for _, b := range m.Blocks {
			raw, err := getBlock(ctx, s, ring, b)
			if err != nil {
				pw.CloseWithError(err)
				return
			}
			h.Write(raw)
			if _, err := pw.Write(raw); err != nil {
				return // the reader has ended
			}
			if done += int64(len(raw)); progress != nil {
				progress(done, m.Size)
			}
		}
		if done != m.Size || h.Sum().String() != m.Sum {
			pw.CloseWithError(fmt.Errorf("%w: the copy is not what its manifest says", blob.ErrCorrupt))
			return
		}
		pw.Close()
	}()
	err := write(pr)
	pr.Close()
	return err
}

// replayBytes is how much of the log is gathered before it is committed.
const replayBytes = 16 << 20

// replay carries the log of a copy out.
func replay(ctx context.Context, s tiers.Store, id string, at time.Time, e kv.Engine, r *Recovered) error {
	pending := new(btree.Map[string, []byte])
	size := 0
	commit := func() error {
		if pending.Len() == 0 {
			return nil
		}
		err := e.Commit(rowsOf(pending))
		pending, size = new(btree.Map[string, []byte]), 0
		return err
	}
	for n := 1; ; n++ {
		groups, err := getSegment(ctx, s, segmentKey(id, n))
		if errors.Is(err, blob.ErrNotFound) {
			return commit()
		}
		if err != nil {
			return err
		}
		r.Segments++
		for len(groups) > 0 {
			var g group
			if g, groups, err = nextGroup(groups); err != nil {
				return err
			}
			if !at.IsZero() && g.time.After(at) {
				return commit()
			}
			r.Groups++
			r.Until = g.time
			err := g.rows(func(k, v []byte) {
				pending.Set(string(k), v)
				size += len(k) + len(v)
			})
			if err != nil {
				return err
			}
		}
		if size > replayBytes {
			if err := commit(); err != nil {
				return err
			}
		}
	}
}

// rowsOf yields rows in the order of their keys.
func rowsOf(m *btree.Map[string, []byte]) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		m.Scan(func(k string, v []byte) bool { return yield([]byte(k), v) })
	}
}

// Config returns the configuration that is kept with the copies.
func Config(ctx context.Context, s tiers.Store) ([]byte, error) { return get(ctx, s, configKey) }
