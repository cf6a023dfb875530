package keys

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/tiers"
)

// Prefix begins the keys of all objects of this package.
const Prefix = "keys/"

const (
	format    = 1
	maxObject = 64 << 10 // bytes
)

// name is an object: keys/GENERATION/slot/ID or keys/GENERATION/data/NUMBER.
type name struct {
	gen  int
	kind string // "slot" or "data"
	id   string
}

func (n name) String() string { return fmt.Sprintf("%s%08d/%s/%s", Prefix, n.gen, n.kind, n.id) }

func parseName(key string) (n name, ok bool) {
	parts := strings.Split(strings.TrimPrefix(key, Prefix), "/")
	if len(parts) != 3 {
		return n, false
	}
	gen, err := strconv.Atoi(parts[0])
	n = name{gen, parts[1], parts[2]}
	return n, err == nil && gen > 0 && (n.kind == "slot" || n.kind == "data") && n.String() == key
}

// number returns the number of a data key.
func (n name) number() (crypt.Number, error) {
	x, err := strconv.ParseUint(n.id, 10, 32)
	if err != nil || x == 0 {
		return 0, fmt.Errorf("%s: %w: not the name of a key", n, blob.ErrCorrupt)
	}
	return crypt.Number(x), nil
}

// copies are the bytes of an object where they were found: in the repository, in the tier.
type copies struct{ local, tier []byte }

// readLocal adds the objects in the repository to all.
func readLocal(fsys disk.FS, dir string, all map[name]copies) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		n, ok := parseName(Prefix + filepath.ToSlash(rel))
		if !ok {
			return nil // an unfinished file
		}
		c := all[n]
		if c.local, err = disk.ReadFile(fsys, path); err == nil {
			all[n] = c
		}
		return err
	})
}

// readTier adds the objects in the tier to all.
func readTier(ctx context.Context, s tiers.Store, all map[name]copies) error {
	for info, err := range s.List(ctx, Prefix) {
		if err != nil {
			return err
		}
		n, ok := parseName(info.Key)
		if !ok || info.Size > maxObject {
			continue
		}
		c := all[n]
		c.tier = make([]byte, info.Size)
		if err := s.ReadAt(ctx, info.Key, c.tier, 0); err != nil {
			return err
		}
		all[n] = c
	}
	return nil
}

// putTier stores an object in the tier and reads it back: of two objects of one key and
// size a tier keeps the first.
func putTier(ctx context.Context, s tiers.Store, n name, data []byte) error {
	if err := s.Put(ctx, n.String(), bytes.NewReader(data), int64(len(data))); err != nil {
		return err
	}
	back := make([]byte, len(data))
	if err := s.ReadAt(ctx, n.String(), back, 0); err != nil {
		return err
	}
	if !bytes.Equal(back, data) {
		return fmt.Errorf("%s: %w: the tier holds another one", n, blob.ErrCorrupt)
	}
	return nil
}

// putLocal stores an object in the repository.
func (o *Options) putLocal(n name, data []byte) error {
	path := o.path(n)
	if err := disk.MkdirAll(o.FS, filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return disk.WriteFile(o.FS, path, bytes.NewReader(data), 0o600)
}

func (o *Options) path(n name) string {
	return filepath.Join(o.Dir, filepath.FromSlash(strings.TrimPrefix(n.String(), Prefix)))
}

func (o *Options) removeLocal(n name) error {
	err := o.FS.Remove(o.path(n))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// gcm returns AES-256-GCM for a random nonce of 12 bytes.
func gcm(key []byte) cipher.AEAD {
	b, err := aes.NewCipher(key)
	if err == nil {
		var g cipher.AEAD
		if g, err = cipher.NewGCM(b); err == nil {
			return g
		}
	}
	panic(err) // the size is a constant
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// bound is what an object is bound to: it opens in its place only.
func (o *Options) bound(n name) []byte { return []byte("rdfs " + o.Repository + " " + n.String()) }

// version reads the format of an object, which comes before all else.
func version(n name, text []byte) error {
	var v struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &v); err != nil || v.Format <= 0 {
		return fmt.Errorf("%s: %w: not a key", n, blob.ErrCorrupt)
	}
	if v.Format != format {
		return fmt.Errorf("%s: format %d is not known to this version of rdfs, which knows %d: use a newer rdfs", n, v.Format, format)
	}
	return nil
}
