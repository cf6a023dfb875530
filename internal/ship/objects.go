package ship

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/tiers"
)

// The keys of the objects.
const (
	Prefix    = "catalog/" // of all keys of this package
	configKey = Prefix + "config"
	copies    = Prefix + "copy/"
	blocks    = Prefix + "block/"
	logs      = Prefix + "log/"
)

const (
	format    = 1
	blockSize = 1 << 20 // bytes
	logMagic  = "rdfslog1"
	// maxObject bounds what is read and what it may become unpacked, in bytes.
	maxObject = 256 << 20
)

func blockKey(id blob.ID) string             { return blocks + id.String() }
func segmentKey(copyID string, n int) string { return fmt.Sprintf("%s%s/%08d", logs, copyID, n) }

// manifest describes a copy of the catalog.
type manifest struct {
	Format     int       `json:"format"`
	Repository string    `json:"repository"`
	Taken      time.Time `json:"taken"`
	Size       int64     `json:"size"`
	Sum        string    `json:"sum"`
	Blocks     []string  `json:"blocks"`
}

// coders compress and expand. They are safe for concurrent use.
var coders = sync.OnceValue(func() (c struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}) {
	var err, err2 error
	c.enc, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	c.dec, err2 = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxObject))
	if err := errors.Join(err, err2); err != nil {
		panic(err) // the options are constants
	}
	return c
})

func put(ctx context.Context, s tiers.Store, key string, data []byte) error {
	return s.Put(ctx, key, bytes.NewReader(data), int64(len(data)))
}

// get returns a whole object.
func get(ctx context.Context, s tiers.Store, key string) ([]byte, error) {
	info, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if info.Size > maxObject {
		return nil, fmt.Errorf("%s: %w: %d bytes are too many", key, blob.ErrCorrupt, info.Size)
	}
	data := make([]byte, info.Size)
	return data, s.ReadAt(ctx, key, data, 0)
}

func unpack(key string, data []byte) ([]byte, error) {
	raw, err := coders().dec.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", key, blob.ErrCorrupt, err)
	}
	return raw, nil
}

// putBlock stores a block, unless it is there. Its size may differ: another version may
// have packed it otherwise.
func putBlock(ctx context.Context, s tiers.Store, ring *crypt.Ring, raw []byte) (blob.ID, error) {
	id := ring.ChunkID(ring.Own(), raw)
	if _, err := s.Stat(ctx, blockKey(id)); err == nil {
		return id, nil
	}
	return id, put(ctx, s, blockKey(id), coders().enc.EncodeAll(raw, nil))
}

func getBlock(ctx context.Context, s tiers.Store, ring *crypt.Ring, hash string) ([]byte, error) {
	id, err := blob.ParseID(hash)
	if err != nil {
		return nil, fmt.Errorf("%w: block %q: %w", blob.ErrCorrupt, hash, err)
	}
	key := blockKey(id)
	data, err := get(ctx, s, key)
	if err != nil {
		return nil, err
	}
	raw, err := unpack(key, data)
	if err == nil && !ring.IsChunk(id, raw) {
		err = fmt.Errorf("%s: %w: it holds other bytes", key, blob.ErrCorrupt)
	}
	return raw, err
}

// packSegment lays groups out as a segment of the log.
func packSegment(groups []byte) []byte {
	sum := blob.Sum(groups)
	return coders().enc.EncodeAll(groups, append([]byte(logMagic), sum[:]...))
}

func getSegment(ctx context.Context, s tiers.Store, key string) ([]byte, error) {
	data, err := get(ctx, s, key)
	if err != nil {
		return nil, err
	}
	const head = len(logMagic) + blob.IDSize
	if len(data) < head || string(data[:len(logMagic)]) != logMagic {
		return nil, fmt.Errorf("%s: %w: not a segment of the log", key, blob.ErrCorrupt)
	}
	raw, err := unpack(key, data[head:])
	if err == nil && blob.Sum(raw) != blob.ID(data[len(logMagic):head]) {
		err = fmt.Errorf("%s: %w: it holds other bytes", key, blob.ErrCorrupt)
	}
	return raw, err
}

func getManifest(ctx context.Context, s tiers.Store, id string) (m manifest, err error) {
	data, err := get(ctx, s, copies+id)
	if err != nil {
		return m, err
	}
	// The version comes first: other formats may have other members.
	var version struct{ Format int }
	if err := json.Unmarshal(data, &version); err != nil {
		return m, fmt.Errorf("%s%s: %w: %w", copies, id, blob.ErrCorrupt, err)
	}
	if version.Format != format {
		return m, fmt.Errorf("%s%s: format %d is not known to this version of rdfs, which knows %d: use a newer rdfs", copies, id, version.Format, format)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s%s: %w: %w", copies, id, blob.ErrCorrupt, err)
	}
	return m, nil
}

// listCopies returns the ids of the copies, oldest first.
func listCopies(ctx context.Context, s tiers.Store) (ids []string, err error) {
	for info, err := range s.List(ctx, copies) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, strings.TrimPrefix(info.Key, copies))
	}
	slices.Sort(ids)
	return ids, nil
}
