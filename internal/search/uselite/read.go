package uselite

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

//go:embed model.bin
var asset []byte

const (
	magic     = "RDFSUSE1"
	sumLen    = 32
	reserved  = 6   // pieces at the start of the vocabulary that match no text
	maxTokens = 128 // of a text
)

// model is the encoder, ready to use. It holds slices of the compiled-in file, and
// about 1 MiB beside them.
type model struct {
	pieces   map[string]piece
	longest  int // bytes of the longest piece
	embed    matrix
	position []float32
	project  dense // of layer 0
	layers   [2]layer
	head     dense
}

// matrix holds int8 levels, a row for each output, and a scale for each row.
type matrix struct {
	inputs int
	scale  []float32
	levels []byte
}

type dense struct {
	matrix
	bias []float32
}

type layerNorm struct{ scale, bias []float32 }

type layer struct {
	attend    layerNorm
	qkv, out  dense
	forward   layerNorm
	rise, sum dense
}

// load returns the model. The first call reads it, which takes some milliseconds.
var load = sync.OnceValues(func() (*model, error) { return read(asset) })

// read takes a file of FORMAT.md apart. The model keeps slices of b.
func read(b []byte) (*model, error) {
	if len(b) < len(magic)+sumLen || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("uselite: not a model of this version")
	}
	r := &reader{b: b[len(magic) : len(b)-sumLen]}
	m := &model{pieces: map[string]piece{}}
	for id := range r.count() {
		text := string(r.next(int(r.byte())))
		p := piece{id: id, score: r.float()}
		if id >= reserved {
			m.pieces[text] = p
			m.longest = max(m.longest, len(text))
		}
	}
	const half = 256
	m.embed = r.matrix(half)
	m.position = r.vector(half / 2)
	m.project = r.dense(half, Dim)
	for i, inputs := range []int{half, Dim} {
		m.layers[i] = layer{
			attend: r.norm(inputs), qkv: r.dense(inputs, 3*inputs), out: r.dense(inputs, Dim),
			forward: r.norm(Dim), rise: r.dense(Dim, 3*Dim), sum: r.dense(3*Dim, Dim),
		}
	}
	m.head = r.dense(Dim, Dim)
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("uselite: the model is damaged")
	}
	return m, nil
}

// reader takes values off the front of b. After the first that is not there, or has
// another shape, bad is set and zero values follow.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) next(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.next(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) float() float32 {
	if b := r.next(4); b != nil {
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	}
	return 0
}

// count reads a number of things that take at least a byte each.
func (r *reader) count() int {
	b := r.next(4)
	if b == nil || int64(binary.LittleEndian.Uint32(b)) > int64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(binary.LittleEndian.Uint32(b))
}

func (r *reader) floats(n int) []float32 {
	out := make([]float32, n)
	if b := r.next(4 * n); b != nil {
		_ = binary.Read(bytes.NewReader(b), binary.LittleEndian, out) // cannot fail: b has the length
	}
	return out
}

func (r *reader) vector(n int) []float32 {
	if r.count() != n {
		r.bad = true
	}
	return r.floats(n)
}

func (r *reader) matrix(inputs int) matrix {
	outputs := r.count()
	if r.count() != inputs {
		r.bad = true
		return matrix{}
	}
	return matrix{inputs, r.floats(outputs), r.next(outputs * inputs)}
}

func (r *reader) dense(inputs, outputs int) dense {
	m := r.matrix(inputs)
	if len(m.scale) != outputs {
		r.bad = true
	}
	return dense{m, r.vector(outputs)}
}

func (r *reader) norm(n int) layerNorm { return layerNorm{r.vector(n), r.vector(n)} }
