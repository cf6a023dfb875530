package draft

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/pack"
)

// ErrChanged: a file had not the size that it was said to have.
var ErrChanged = errors.New("file changed while it was read")

// ErrEnded: the batch was finished or discarded before.
var ErrEnded = errors.New("batch has ended")

// Options are what a Pipeline needs. Store and NewPackID must be set.
type Options struct {
	// Store takes the packs.
	Store tiers.Store
	// Has reports whether a chunk is stored durably already. It is called for
	// every chunk, from all batches at once. Nil: nothing is.
	Has func(id blob.ID) bool
	// HasContent reports whether the chunk list of a content of more than one
	// chunk is stored durably already, so that it need not be put into a pack
	// again. It is called like Has. Nil: none is.
	HasContent func(id blob.ID) bool
	// NewPackID returns a new id each time. It is called from all batches at once.
	NewPackID func() blob.PackID
	// Ring has the keys of an encrypted repository. Nil: it is not encrypted.
	Ring *crypt.Ring
	// PackSize is the size that packs are filled to, in bytes; 0 means
	// pack.TargetSize, which is also the most. A pack of one chunk may be larger
	// than a small PackSize.
	PackSize int
	// Logger hears of each pack at level debug. Nil: nobody does.
	Logger *slog.Logger
}

// Pipeline seals files. It is safe for concurrent use: each goroutine has a Batch
// of its own.
type Pipeline struct {
	o       Options
	workers sync.Pool // of *worker
	writers sync.Pool // of *pack.Writer
}

// New returns a Pipeline. It starts nothing and holds nothing that has to be
// closed.
func New(o Options) *Pipeline {
	if o.PackSize <= 0 || o.PackSize > pack.TargetSize {
		o.PackSize = pack.TargetSize
	}
	if o.Has == nil {
		o.Has = func(blob.ID) bool { return false }
	}
	if o.HasContent == nil {
		o.HasContent = func(blob.ID) bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Pipeline{
		o:       o,
		workers: sync.Pool{New: func() any { return newWorker() }},
		writers: sync.Pool{New: func() any { return new(pack.Writer) }},
	}
}

// Begin starts a batch. It must be ended with Finish or Discard.
func (p *Pipeline) Begin() *Batch {
	return &Batch{p: p, seen: make(map[blob.ID]struct{})}
}

// worker is what one batch computes with.
type worker struct {
	window  []byte // bytes of the file that are being cut
	out     []byte // a payload, or a manifest record
	content *blob.Hasher
	enc     *pack.Encoder
	choose  pack.Chooser
	zeros   map[zeros]blob.ID
}

// zeros is a chunk of zeros under a key. Sizes are few.
type zeros struct {
	key  crypt.Number
	size int
}

func newWorker() *worker {
	return &worker{content: blob.NewHasher(), enc: pack.NewEncoder(), zeros: make(map[zeros]blob.ID)}
}
