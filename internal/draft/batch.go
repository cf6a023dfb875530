package draft

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/tiers/pack"
)

// Batch seals files into packs of its own. It is not safe for concurrent use.
// Exactly one of Finish and Discard ends it; what comes second does nothing.
type Batch struct {
	p      *Pipeline
	key    crypt.Number         // of what is added
	w      *worker              // nil before the first Add and after the end
	cur    *pack.Writer         // the pack that is being filled, or nil
	seen   map[blob.ID]struct{} // chunks in this batch
	wrote  map[blob.ID]struct{} // contents whose manifest is in this batch
	put    *upload              // the pack that is being stored, or nil
	stored Stored
	err    error // the first failure of a Put: it fails the whole batch
	ended  bool
}

// Stored is what a batch put into the store.
type Stored struct {
	Packs  []PackInfo
	Chunks []StoredChunk
}

// PackInfo describes a pack in the store; its key is pack.Key(ID).
type PackInfo struct {
	ID     blob.PackID
	Size   int64   // bytes
	Chunks int     // chunk records
	Sum    blob.ID // BLAKE3-256 of all that is before the trailer; pack.Directory has it too
}

// StoredChunk is a chunk that is new in the store.
type StoredChunk struct {
	ID blob.ID
	blob.Location
}

// Use says under which key of the ring what is added from now on is encrypted. In a
// repository that is encrypted it comes before the first Add.
func (b *Batch) Use(key crypt.Number) { b.key = key }

// Add seals the first size bytes of src, which must be all of them, into the batch,
// and returns what they are. still is asked between chunks; an error of it, which
// may mean that a writer came back, ends Add and is returned. still may be nil.
//
// src that is shorter or longer than size is ErrChanged. After an error of src or
// of still the batch can be used on: chunks of the file that were packed already
// stay there, harmlessly. After an error of the store the batch has failed, and
// every later call returns that error.
func (b *Batch) Add(ctx context.Context, src io.ReaderAt, size int64, still func() error) (blob.Manifest, error) {
	if err := b.usable(ctx); err != nil {
		return blob.Manifest{}, err
	}
	if size < 0 {
		return blob.Manifest{}, fmt.Errorf("seal: negative size %d", size)
	}
	if b.w == nil {
		b.w = b.p.workers.Get().(*worker)
	}
	m, err := b.add(ctx, src, size, still)
	if err != nil {
		return blob.Manifest{}, fmt.Errorf("seal: %w", err)
	}
	return m, nil
}

func (b *Batch) add(ctx context.Context, src io.ReaderAt, size int64, still func() error) (blob.Manifest, error) {
	if size <= singleChunk {
		return b.addSmall(ctx, src, int(size), still)
	}
	w := b.w
	w.content.Reset()
	m := blob.Manifest{Size: size, Chunks: make([]blob.Chunk, 0, size/int64(classAt(size).avg())+4)}
	var at, read int64 // where the next chunk begins; how much was read and hashed
	var window []byte  // the bytes from at to read
	for at < size {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		if still != nil {
			if err := still(); err != nil {
				return m, err
			}
		}
		c := classAt(at)
		if len(window) < c.max() && read < size {
			var err error
			if window, err = w.fill(src, window, read, size, c); err != nil {
				return m, err
			}
			read = at + int64(len(window))
		}
		n := cut(window, c)
		chunk, err := b.chunk(ctx, window[:n])
		if err != nil {
			return m, err
		}
		m.Chunks = append(m.Chunks, chunk)
		window = window[n:]
		at += int64(n)
	}
	if still != nil {
		if err := still(); err != nil {
			return m, err
		}
	}
	m.ID = b.p.o.Ring.ContentID(b.key, w.content.Sum())
	return m, b.manifest(ctx, m)
}

// addSmall seals a content of at most one chunk. Its id is the chunk's, unless that is keyed.
func (b *Batch) addSmall(ctx context.Context, src io.ReaderAt, size int, still func() error) (blob.Manifest, error) {
	if still != nil {
		if err := still(); err != nil {
			return blob.Manifest{}, err
		}
	}
	window, err := b.w.fill(src, nil, 0, int64(size), classes[0])
	if err != nil {
		return blob.Manifest{}, err
	}
	if still != nil {
		if err := still(); err != nil {
			return blob.Manifest{}, err
		}
	}
	m := blob.Manifest{Size: int64(size)}
	if size == 0 {
		m.ID = blob.Sum(nil)
		return m, nil
	}
	c, err := b.chunk(ctx, window)
	m.ID, m.Chunks = c.ID, []blob.Chunk{c}
	if err != nil || b.key == 0 {
		return m, err
	}
	m.ID = b.p.o.Ring.ContentID(b.key, blob.Sum(window))
	return m, b.manifest(ctx, m)
}

// fill moves window, the bytes before the offset read, to the front of its memory
// and reads more behind it: two chunks' worth, or up to size. At size it makes
// sure that the file ends there. It hashes what it read if the content is more
// than one chunk.
func (w *worker) fill(src io.ReaderAt, window []byte, read, size int64, c class) ([]byte, error) {
	have := len(window)
	want := int(min(int64(2*c.max()-have), size-read))
	room := have + want + 1 // one more, to see the end of the file
	if cap(w.window) < room {
		w.window = append(make([]byte, 0, max(room, 2*c.max()+1)), window...)
	} else {
		w.window = w.window[:have]
		copy(w.window, window)
	}
	buf := w.window[:have+want]
	last := read+int64(want) == size
	if last {
		buf = buf[:have+want+1]
	}
	n, err := src.ReadAt(buf[have:], read)
	switch {
	case n < want && (err == nil || err == io.EOF || err == io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it ends at %d, not at %d", ErrChanged, read+int64(n), size)
	case n < want:
		return nil, fmt.Errorf("read at %d: %w", read+int64(n), err)
	case n > want:
		return nil, fmt.Errorf("%w: it goes on after %d bytes", ErrChanged, size)
	case last && err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("read at %d: %w", size, err)
	}
	buf = buf[:have+want]
	if size > singleChunk {
		w.content.Write(buf[have:])
	}
	return buf, nil
}

// chunk stores raw unless it is stored already. It keeps nothing of raw.
func (b *Batch) chunk(ctx context.Context, raw []byte) (blob.Chunk, error) {
	w := b.w
	c := blob.Chunk{Size: uint32(len(raw))}
	kind, hole := blob.Zstd, allZero(raw)
	if hole {
		c.ID = b.zeroID(raw)
	} else {
		c.ID = b.p.o.Ring.ChunkID(b.key, raw)
	}
	if _, ok := b.seen[c.ID]; ok || b.p.o.Has(c.ID) {
		return c, nil
	}
	if !hole {
		kind = w.choose.Choose(w.enc, raw)
	}
	w.out, kind = w.enc.Encode(w.out[:0], raw, kind)
	if err := b.room(ctx, len(w.out)); err != nil {
		return c, err
	}
	loc := b.cur.Add(c.ID, kind, c.Size, w.out)
	b.seen[c.ID] = struct{}{}
	b.stored.Chunks = append(b.stored.Chunks, StoredChunk{ID: c.ID, Location: loc})
	return c, nil
}

// zeroID returns the id of a chunk of zeros. Those of the largest size of a class
// make up nearly all of a hole, and are hashed once.
func (b *Batch) zeroID(raw []byte) blob.ID {
	known, of := b.w.zeros, zeros{b.key, len(raw)}
	id, ok := known[of]
	if !ok {
		id = b.p.o.Ring.ChunkID(b.key, raw)
		for _, c := range classes {
			if len(raw) == c.max() {
				known[of] = id
			}
		}
	}
	return id
}

// manifest stores the chunk list of m, if it has one that is not stored already.
func (b *Batch) manifest(ctx context.Context, m blob.Manifest) error {
	parts := pack.ManifestParts(m)
	if parts == 0 {
		return nil
	}
	if _, ok := b.wrote[m.ID]; ok || b.p.o.HasContent(m.ID) {
		return nil
	}
	for i := range parts {
		b.w.out = pack.AppendManifest(b.w.out[:0], m, i)
		if err := b.room(ctx, len(b.w.out)); err != nil {
			return err
		}
		b.cur.AddManifest(m.ID, b.key, b.w.out)
	}
	if b.wrote == nil {
		b.wrote = make(map[blob.ID]struct{})
	}
	b.wrote[m.ID] = struct{}{}
	return nil
}

// room makes sure that cur can take a record of n bytes.
func (b *Batch) room(ctx context.Context, n int) error {
	if b.cur != nil && b.cur.Records() > 0 && b.cur.Len()+b.cur.Cost(n) > b.p.o.PackSize {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	if b.cur == nil {
		b.cur = b.p.writers.Get().(*pack.Writer)
		b.cur.Reset(b.p.o.NewPackID(), b.p.o.Ring)
	}
	return nil
}

// flush completes cur and begins to store it, after the pack before it is stored.
func (b *Batch) flush(ctx context.Context) error {
	if err := b.wait(ctx); err != nil {
		return err
	}
	w := b.cur
	b.cur = nil
	b.put = b.p.upload(ctx, w)
	return nil
}

// wait returns when no pack is being stored any more.
func (b *Batch) wait(ctx context.Context) error {
	if b.put == nil {
		return b.err
	}
	select {
	case <-b.put.done:
	case <-ctx.Done():
		return ctx.Err() // the upload goes on; the next wait finds it
	}
	u := b.put
	b.put = nil
	b.p.writers.Put(u.w)
	if u.err != nil {
		b.err = fmt.Errorf("store pack %s: %w", u.info.ID, u.err)
		return b.err
	}
	b.stored.Packs = append(b.stored.Packs, u.info)
	return nil
}

// usable returns why the batch cannot be used, if so.
func (b *Batch) usable(ctx context.Context) error {
	switch {
	case b.ended:
		return ErrEnded
	case b.err != nil:
		return b.err
	}
	return ctx.Err()
}

// Finish stores the last pack and ends the batch. When it returns nil, everything
// in Stored is durable. A batch that added nothing new stores nothing. When it
// fails, nothing of the batch may be referred to, and the batch has ended.
func (b *Batch) Finish(ctx context.Context) (Stored, error) {
	if b.ended {
		return Stored{}, ErrEnded
	}
	defer b.Discard()
	if err := b.usable(ctx); err != nil {
		return Stored{}, err
	}
	if b.cur != nil && b.cur.Records() > 0 {
		if err := b.flush(ctx); err != nil {
			return Stored{}, err
		}
	}
	if err := b.wait(ctx); err != nil {
		return Stored{}, err
	}
	s := b.stored
	b.stored = Stored{}
	if len(s.Packs) > 0 {
		b.p.o.Logger.Debug("batch stored", slog.Int("packs", len(s.Packs)), slog.Int("chunks", len(s.Chunks)))
	}
	return Stored{Packs: slices.Clip(s.Packs), Chunks: slices.Clip(s.Chunks)}, nil
}

// Discard ends the batch without storing what it holds. It cancels a Put that is
// under way and waits for it. Packs that were stored before stay as orphans.
func (b *Batch) Discard() {
	if b.ended {
		return
	}
	b.ended = true
	if b.put != nil {
		b.put.cancel()
		<-b.put.done
		b.p.writers.Put(b.put.w)
		b.put = nil
	}
	if b.cur != nil {
		b.p.writers.Put(b.cur)
		b.cur = nil
	}
	if b.w != nil {
		b.p.workers.Put(b.w)
		b.w = nil
	}
	b.seen, b.wrote, b.stored = nil, nil, Stored{}
}
