package tiers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// Probed is one thing that Probe has tried.
type Probed struct {
	What string `json:"what"`           // e.g. "put"
	Err  string `json:"error"`          // empty: it works
	Note string `json:"note,omitempty"` // what was measured
}

// probeBytes is how much Probe stores to measure the rate.
const probeBytes = 8 << 20

// maxSkew is how much two clocks may differ before Probe calls it wrong.
const maxSkew = 5 * time.Minute

// Probe tries all that is asked of a Store, with objects of its own, which it removes. now
// is the clock that the tier's is compared with. It goes on after a failure where what
// follows can still tell something.
func Probe(ctx context.Context, s Store, now func() time.Time) (all []Probed) {
	seed := [32]byte{}
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	key := fmt.Sprintf("probe/%x", seed[:8])
	data := make([]byte, probeBytes)
	rand.NewChaCha8(seed).Read(data)
	small := data[:1000]
	try := func(what string, fn func() (note string, err error)) bool {
		if ctx.Err() != nil {
			return false
		}
		note, err := fn()
		p := Probed{What: what, Note: note}
		if err != nil {
			p.Err = err.Error()
		}
		all = append(all, p)
		return err == nil
	}
	put := func(key string, data []byte) error { return s.Put(ctx, key, bytes.NewReader(data), int64(len(data))) }
	read := func(key string, want []byte, off int64) error {
		got := make([]byte, len(want))
		if err := s.ReadAt(ctx, key, got, off); err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%w: other bytes came back", blob.ErrCorrupt)
		}
		return nil
	}
	if !try("put", func() (string, error) { return "", put(key, small) }) {
		return all
	}
	try("clock", func() (string, error) {
		info, err := s.Stat(ctx, key)
		if err != nil {
			return "", err
		}
		skew := info.Modified.Sub(now()).Round(time.Second)
		if skew.Abs() > maxSkew {
			return "", fmt.Errorf("the tier's clock differs from this machine's by %v: set one of them", skew)
		}
		return fmt.Sprintf("differs by %v", skew), nil
	})
	try("get", func() (string, error) { return "", read(key, small, 0) })
	try("range", func() (string, error) { return "", read(key, small[100:200], 100) })
	try("conditional put", func() (string, error) {
		err := put(key, data[:2000])
		if !errors.Is(err, blob.ErrCorrupt) {
			return "", errors.Join(errors.New("an object that is there was not kept"), err)
		}
		return "what is there is kept", read(key, small, 0)
	})
	try("list", func() (string, error) {
		for info, err := range s.List(ctx, key) {
			if err != nil || info.Key == key {
				return "", err
			}
		}
		return "", errors.New("an object that is there is not listed")
	})
	if try("upload", func() (string, error) { return rate(now, func() error { return put(key+"-large", data) }) }) {
		try("download", func() (string, error) { return rate(now, func() error { return read(key+"-large", data, 0) }) })
	}
	try("delete", func() (string, error) {
		err := errors.Join(s.Delete(ctx, key), s.Delete(ctx, key+"-large"))
		if err != nil {
			return "", err
		}
		if _, err := s.Stat(ctx, key); !errors.Is(err, blob.ErrNotFound) {
			return "", errors.Join(errors.New("a deleted object is still there"), err)
		}
		return "", nil
	})
	return all
}

// rate says how fast fn moves probeBytes.
func rate(now func() time.Time, fn func() error) (string, error) {
	begin := now()
	err := fn()
	took := max(now().Sub(begin), time.Microsecond)
	return fmt.Sprintf("%.1f MiB/s", probeBytes/took.Seconds()/(1<<20)), err
}
