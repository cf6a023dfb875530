package draft

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/rdfs/rdfs/tiers/pack"
)

// upload is a pack on its way into the store. w belongs to it until done.
type upload struct {
	w      *pack.Writer
	cancel context.CancelFunc
	done   chan struct{} // closed when Put has returned; then info and err are set
	info   PackInfo
	err    error
}

// upload completes and stores w in a goroutine of its own, while the caller fills
// the next pack. It keeps the values of ctx but not its end: the Add that filled
// the pack may be over long before the pack is stored.
func (p *Pipeline) upload(ctx context.Context, w *pack.Writer) *upload {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	u := &upload{w: w, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(u.done)
		defer cancel()
		data := w.Finish()
		u.info = PackInfo{ID: w.ID(), Size: int64(len(data)), Chunks: w.Chunks(), Sum: w.Sum()}
		key := pack.Key(w.ID())
		u.err = p.o.Store.Put(ctx, key, bytes.NewReader(data), int64(len(data)))
		p.o.Logger.Debug("put pack", slog.String("key", key), slog.Int("bytes", len(data)),
			slog.Int("chunks", u.info.Chunks), slog.Any("err", u.err))
	}()
	return u
}
