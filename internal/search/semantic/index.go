package semantic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/search/synonym"
	"github.com/rdfs/rdfs/internal/search/vectors"
)

// Embedder is a model. It is safe for concurrent use.
type Embedder interface {
	// ID names the model: vectors of two IDs cannot be compared.
	ID() string
	// Dim is the number of elements of each vector.
	Dim() int
	// Threshold is the cosine below which two texts are mostly unrelated.
	Threshold() float32
	// Embed returns a vector of Dim elements for each text. An error that wraps ErrText
	// is about the texts, and would be the same again.
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// ErrText: a model can do nothing with a text.
var ErrText = errors.New("the model refuses the text")

// MaxVariants is how many times a question is asked, with other words.
const MaxVariants = 4

// What may wait to be embedded.
const (
	maxTextBytes   = 8 << 10 // of one text; the rest is not read
	queueBytes     = 32 << 20
	textOverhead   = 64 // bytes that a waiting text takes beside its own
	maxQuestionLen = 8 << 10
)

// Options of Open. FS, Path, Model and Now are required.
type Options struct {
	FS       disk.FS
	Path     string // of the file of vectors
	Model    Embedder
	Synonyms *synonym.Table // nil: none
	// Threshold is the least cosine of what is found. 0: that of the model.
	Threshold float32
	MaxTexts  int // 0: 4 million
	// QueueBytes bounds what waits. 0: 32 MiB.
	QueueBytes int
	Log        *slog.Logger // nil: none
	Now        func() time.Time

	// Sweep calls add with all texts there are, and ends with the first error of add. Run
	// calls it when texts had found no room to wait. add may take minutes: hold
	// nothing meanwhile. Nil: such texts are embedded when Add hears of them again.
	Sweep func(ctx context.Context, add func(text string) error) error
}

// Index is the texts with their vectors. See the package comment.
type Index struct {
	o     Options
	store *vectors.Store
	wake  chan struct{} // one element: something waits

	// mu guards what waits, and is held for no time.
	mu      sync.Mutex
	queue   []string
	queued  map[vectors.ID]bool // those of queue, and of the batch at the model
	bytes   int                 // of queue
	missed  bool                // a text found no room
	left    int                 // texts without a slot: the store is full
	refused int
	err     error // of the model, in the last try
}

// Open reads the vectors that are there. The caller ends with Close, after Run.
func Open(o Options) (*Index, error) {
	store, err := vectors.Open(vectors.Options{FS: o.FS, Path: o.Path, Model: o.Model.ID(), Dim: o.Model.Dim(), Max: o.MaxTexts})
	if err != nil {
		return nil, err
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = queueBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Index{o: o, store: store, wake: make(chan struct{}, 1), queued: map[vectors.ID]bool{}}, nil
}

// Close makes the vectors durable.
func (x *Index) Close() error { return x.store.Close() }

// Compact gives back the space of texts that nobody has added since Open. It is for when
// all texts that there are have been added.
func (x *Index) Compact() error { return x.store.Compact() }

// Name stands for a text, in this process and after the next Open. "" stands for none.
type Name string

func nameOf(id vectors.ID) Name {
	if id == 0 {
		return ""
	}
	return Name("t" + strconv.FormatUint(uint64(id), 36)) // a letter first: it is no number
}

func (n Name) id() vectors.ID {
	digits, ok := strings.CutPrefix(string(n), "t")
	id, err := strconv.ParseUint(digits, 36, 64)
	if !ok || err != nil {
		return 0
	}
	return vectors.ID(id)
}

// Add takes a text, and has it embedded if it is new. Space at its ends does not
// count. The name is "" when the text is empty.
func (x *Index) Add(text string) Name {
	text = clean(text)
	x.add(text)
	return nameOf(vectors.IDOf(text))
}

// Expect takes the name of a text that Add took before Open. If that was not embedded
// then, Options.Sweep is called for its words.
func (x *Index) Expect(n Name) {
	_, known, err := x.store.Reserve(n.id())
	if err != nil || known || n.id() == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.queued[n.id()] {
		x.missed = true
		x.rouse()
	}
}

// rouse wakes Run. x.mu is held.
func (x *Index) rouse() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// add reports whether text found no room to wait.
func (x *Index) add(text string) (missed bool) {
	id := vectors.IDOf(text)
	slot, known, err := x.store.Reserve(id)
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case err != nil:
		x.left++
		return false
	case slot == 0 || known || x.queued[id]:
		return false
	case x.bytes+len(text)+textOverhead > x.o.QueueBytes:
		x.missed = true
		return true
	}
	x.queue = append(x.queue, text)
	x.queued[id] = true
	x.bytes += len(text) + textOverhead
	x.rouse()
	return false
}

func clean(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > maxTextBytes {
		text = text[:maxTextBytes]
	}
	return strings.ToValidUTF8(text, "")
}

// Question is a text, and the variants of it, as vectors.
type Question struct {
	x       *Index
	asked   []string
	vectors [][]float32
}

// Ask has the model embed a question. It waits for the model, so hold nothing.
func (x *Index) Ask(ctx context.Context, text string) (*Question, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, errors.New("similar: want words to compare with, got none")
	case len(text) > maxQuestionLen:
		return nil, fmt.Errorf("similar: %d bytes are too many; at most %d", len(text), maxQuestionLen)
	}
	asked := x.o.Synonyms.Variants(text, MaxVariants)
	vs, err := x.embed(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("similar: %w", err)
	}
	return &Question{x, asked, vs}, nil
}

// Hit is a text that was found.
type Hit struct {
	Name   Name
	Cosine float32 // -1 to 1
	Asked  string  // the question, or the variant of it that is nearest
}

// Nearest returns at most limit of the texts nearest to a question, and not below the
// threshold, the nearest first. It does not wait for the model. among are those that
// may be found; nil: all.
func (q *Question) Nearest(limit int, among []Name) ([]Hit, error) {
	store := q.x.store
	var allowed []uint64
	if among != nil {
		allowed = store.Slots(func(yield func(vectors.ID) bool) {
			for _, n := range among {
				if !yield(n.id()) {
					return
				}
			}
		})
	}
	threshold := q.x.o.Threshold
	if threshold == 0 {
		threshold = q.x.o.Model.Threshold()
	}
	found, err := store.Search(vectors.Query{Vectors: q.vectors, Limit: limit, Threshold: threshold, Allowed: allowed})
	if err != nil {
		return nil, err
	}
	hits := make([]Hit, len(found))
	for i, f := range found {
		hits[i] = Hit{nameOf(store.ID(f.Slot)), f.Cosine, q.asked[f.Of]}
	}
	return hits, nil
}

// embed asks the model, and checks what it says.
func (x *Index) embed(ctx context.Context, texts []string) ([][]float32, error) {
	vs, err := x.o.Model.Embed(ctx, texts)
	if err != nil {
		return nil, err
	}
	if len(vs) != len(texts) {
		return nil, fmt.Errorf("model %s: %d vectors for %d texts", x.o.Model.ID(), len(vs), len(texts))
	}
	for _, v := range vs {
		if len(v) != x.o.Model.Dim() {
			return nil, fmt.Errorf("model %s: %w: %d elements, want %d", x.o.Model.ID(), vectors.ErrDimension, len(v), x.o.Model.Dim())
		}
		for _, f := range v {
			if f != f || f > math.MaxFloat32 || f < -math.MaxFloat32 {
				return nil, fmt.Errorf("model %s: %w: an element of its vector is no number", x.o.Model.ID(), ErrText)
			}
		}
	}
	return vs, nil
}

// Status says how far embedding is.
type Status struct {
	Model   string
	Dim     int
	Texts   int   // different ones
	Known   int   // of them with a vector
	Waiting int   // to be embedded, as far as known
	Refused int   // by the model, since Open
	NoRoom  int   // texts beyond Options.MaxTexts, since Open
	Bytes   int64 // of the file
	Err     error // of the last try to embed
}

// Status returns what is there now.
func (x *Index) Status() Status {
	s := x.store.Stats()
	x.mu.Lock()
	defer x.mu.Unlock()
	return Status{x.o.Model.ID(), x.o.Model.Dim(), s.Slots, s.Known, len(x.queued), x.refused, x.left, s.Bytes, x.err}
}
