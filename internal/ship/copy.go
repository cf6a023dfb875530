package ship

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rdfs/rdfs/internal/blob"
)

// copy takes a copy of the whole catalog, begins its log, and removes copies that are
// not kept. s.work is held.
func (s *Shipper) copy(ctx context.Context) error {
	id := s.o.NewID()
	s.unsent = nil // of the log that ends
	// Before the copy is begun: its log may have more than it lacks, not less.
	err := s.o.Engine.restart()
	var m manifest
	if err == nil {
		m, err = s.putBlocks(ctx)
	}
	if err == nil {
		err = s.startLog(ctx, id, m)
	}
	if err != nil {
		s.o.Engine.miss()
		return fmt.Errorf("copy the catalog to the tier: %w", err)
	}
	s.log.Info("copied the catalog to the tier", "copy", id, "bytes", m.Size)
	if err := s.putConfig(ctx); err != nil {
		return fmt.Errorf("copy the configuration to the tier: %w", err)
	}
	if err := prune(ctx, s.o.Store, s.o.Keep); err != nil {
		s.log.Warn("old copies of the catalog stay in the tier", "err", err)
	}
	return nil
}

// putBlocks stores the blocks of the catalog as it is now. It goes by way of a local
// file: the engine must not be held up by the network.
func (s *Shipper) putBlocks(ctx context.Context) (m manifest, err error) {
	path := s.o.State + ".copy"
	f, err := s.o.FS.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, f.Close(), s.o.FS.Remove(path)) }()
	if err := s.o.Engine.CopyTo(f); err != nil {
		return m, err
	}
	m = manifest{Format: format, Repository: s.o.Repository}
	whole, buf := blob.NewHasher(), make([]byte, blockSize)
	for {
		n, err := f.ReadAt(buf, m.Size)
		if n == 0 && err == io.EOF {
			m.Sum = whole.Sum().String()
			return m, nil
		}
		if err != nil && err != io.EOF {
			return m, err
		}
		whole.Write(buf[:n])
		block, err := putBlock(ctx, s.o.Store, s.o.Ring, buf[:n])
		if err != nil {
			return m, err
		}
		m.Blocks, m.Size = append(m.Blocks, block.String()), m.Size+int64(n)
	}
}

// startLog makes the copy one that counts, and its log the one that is written. Before
// the manifest comes the first segment, which reaches beyond the moment of the copy.
func (s *Shipper) startLog(ctx context.Context, id string, m manifest) error {
	groups, gap := s.o.Engine.take()
	if gap {
		return errors.New("more was changed meanwhile than could be kept in memory")
	}
	st := state{Copy: id, Taken: s.o.Now(), Next: 1}
	if len(groups) > 0 {
		if err := put(ctx, s.o.Store, segmentKey(id, st.Next), packSegment(groups)); err != nil {
			return err
		}
		st.Next++
	}
	m.Taken = st.Taken.UTC()
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := put(ctx, s.o.Store, copies+id, append(text, '\n')); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.last = st, st.Taken
	return nil
}

// putConfig keeps the configuration beside the copies, if it is another one.
func (s *Shipper) putConfig(ctx context.Context) error {
	text := s.o.Config()
	if old, err := get(ctx, s.o.Store, configKey); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := s.o.Store.Delete(ctx, configKey); err != nil {
		return err
	}
	return put(ctx, s.o.Store, configKey, text)
}
