package ship

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// Engine is an engine that remembers what it commits until that is shipped.
type Engine struct {
	kv.Engine
	now     func() time.Time
	limit   int    // bytes
	headKey []byte // of the row that every commit changes

	// commit is held while a group is committed and remembered: who holds it sees all
	// that the engine has. It is taken before mu.
	commit sync.Mutex

	mu     sync.Mutex
	groups []byte // that were committed and not taken
	gap    bool   // something that was committed is not in groups: a copy is due
	first  string // a hash of the row that every commit changes, before the first commit; empty: not known
	head   string // the same, now
	body   []byte // of the group that is being appended
	full   chan struct{}
}

// DefaultLimit bounds what waits in memory to be shipped, in bytes.
const DefaultLimit = 64 << 20

// segmentBytes is from what size on groups are shipped before it is time.
const segmentBytes = 8 << 20

// Wrap returns an engine over e that remembers at most limit bytes (0: DefaultLimit).
func Wrap(e kv.Engine, limit int, now func() time.Time) *Engine {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Engine{Engine: e, now: now, limit: limit, headKey: catalog.HeadKey(), full: make(chan struct{}, 1)}
}

// Declare implements kv.Engine.
func (e *Engine) Declare(tables []kv.TableSpec) error {
	err := e.Engine.Declare(tables)
	if err == nil {
		e.first, err = e.readHead()
		e.head = e.first
	}
	return err
}

// Commit implements kv.Engine.
func (e *Engine) Commit(rows iter.Seq2[[]byte, []byte]) error {
	e.commit.Lock()
	defer e.commit.Unlock()
	err := e.Engine.Commit(rows)
	if errors.Is(err, kv.ErrRetry) {
		return err // nothing changed
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil: // perhaps it is there, perhaps not
		e.lose()
	case !e.gap:
		e.groups = e.appendGroup(e.groups, rows)
		if len(e.groups) > e.limit {
			e.lose()
		} else if len(e.groups) > segmentBytes {
			select {
			case e.full <- struct{}{}:
			default:
			}
		}
	}
	return err
}

// lose makes a gap. e.mu is held.
func (e *Engine) lose() { e.gap, e.groups = true, nil }

// miss makes a gap.
func (e *Engine) miss() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lose()
}

// take removes and returns the groups that wait: with those taken before, all that the
// engine has. With a gap there are none.
func (e *Engine) take() (groups []byte, gap bool) {
	e.commit.Lock()
	defer e.commit.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	groups, e.groups = e.groups, nil
	return groups, e.gap
}

// restart forgets what waits: a copy that is taken from now on has it.
func (e *Engine) restart() error {
	e.commit.Lock()
	defer e.commit.Unlock()
	head, err := e.readHead()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gap, e.groups, e.head = false, nil, head
	return err
}

func (e *Engine) waiting() (bytes int, gap bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.groups), e.gap
}

// appendGroup appends rows that were just committed to b. e.mu is held.
func (e *Engine) appendGroup(b []byte, rows iter.Seq2[[]byte, []byte]) []byte {
	body := binary.BigEndian.AppendUint64(e.body[:0], uint64(e.now().UnixNano()))
	for k, v := range rows {
		if bytes.Equal(k, e.headKey) {
			e.head = blob.Sum(v).String()
		}
		body = append(binary.AppendUvarint(body, uint64(len(k))), k...)
		if v == nil {
			body = append(body, 0)
			continue
		}
		body = append(binary.AppendUvarint(body, uint64(len(v))+1), v...)
	}
	b = append(binary.AppendUvarint(b, uint64(len(body))), body...)
	if e.body = body; cap(body) > segmentBytes {
		e.body = nil
	}
	return b
}

// group is one group of rows as it was committed.
type group struct {
	time time.Time
	body []byte
}

// nextGroup takes the first group off b.
func nextGroup(b []byte) (g group, rest []byte, err error) {
	n, l := binary.Uvarint(b)
	if l <= 0 || n < 8 || n > uint64(len(b)-l) {
		return g, nil, fmt.Errorf("%w: a group of rows is cut off", blob.ErrCorrupt)
	}
	body := b[l : l+int(n)]
	return group{time.Unix(0, int64(binary.BigEndian.Uint64(body))), body[8:]}, b[l+int(n):], nil
}

// rows yields the rows of a group; a nil value removes. The slices are parts of it.
func (g group) rows(yield func(key, value []byte)) error {
	for b := g.body; len(b) > 0; {
		n, l := binary.Uvarint(b)
		if l <= 0 || n == 0 || n > uint64(len(b)-l) {
			return fmt.Errorf("%w: a key is cut off", blob.ErrCorrupt)
		}
		key := b[l : l+int(n)]
		b = b[l+int(n):]
		n, l = binary.Uvarint(b)
		if l <= 0 || n > uint64(len(b)-l)+1 {
			return fmt.Errorf("%w: a value is cut off", blob.ErrCorrupt)
		}
		b = b[l:]
		if n == 0 {
			yield(key, nil)
			continue
		}
		yield(key, b[:n-1:n-1])
		b = b[n-1:]
	}
	return nil
}
