package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/rdfs/rdfs/cache"
	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// Versioned returns the file whose versions are listed under a name in a directory:
// the one that is there, or the last one that was, with its attributes.
func (v *Volume) Versioned(dir catalog.Inode, name string) (Attr, error) {
	var (
		i   catalog.Inode
		row catalog.Node
	)
	err := v.cat.View(func(tx *catalog.Tx) (err error) {
		if i, err = tx.Lookup(dir, name); err == nil {
			row, err = tx.Node(i)
			return err
		}
		old, died, ok := tx.LastAt(dir, name, 0)
		if !ok {
			return ErrNotExist
		}
		i = old
		row, err = tx.At(died - 1).Node(old)
		return err
	})
	if err != nil {
		return Attr{}, notExist(err)
	}
	if !row.IsRegular() || row.Keep != catalog.KeepData {
		return Attr{}, ErrNotExist
	}
	return attr(i, &row), nil
}

// Versions returns up to limit versions of a file after a number, oldest first.
func (v *Volume) Versions(f catalog.FileID, after catalog.Seq, limit int) (list []catalog.Version, err error) {
	err = v.cat.View(func(tx *catalog.Tx) error {
		return tx.Versions(f, after+1, func(v *catalog.Version) bool {
			list = append(list, *v)
			return len(list) < limit
		})
	})
	return list, err
}

// Version returns one version of a file.
func (v *Volume) Version(f catalog.FileID, s catalog.Seq) (ver catalog.Version, err error) {
	err = v.cat.View(func(tx *catalog.Tx) (err error) { ver, err = tx.Version(f, s); return err })
	return ver, notExist(err)
}

// VersionName returns the name of a version in .versions/FILE: its number, the UTC
// time of its content, and the file's own ending.
func VersionName(ver *catalog.Version, file string) string {
	return versionName(ver.Seq, ver.Mtime, ending(file))
}

// ending returns what programs recognise a file by: .csv, .nii.gz.
func ending(name string) string {
	ext := path.Ext(name)
	if ext == name || strings.ContainsAny(ext, " ") {
		return ""
	}
	if rest := strings.TrimSuffix(name, ext); len(ext) <= 4 && (ext == ".gz" || ext == ".bz2" || ext == ".xz" || ext == ".zst") {
		if inner := path.Ext(rest); inner != "" && inner != rest {
			return inner + ext
		}
	}
	return ext
}

// VersionAttrs returns the extended attributes of a version as they were when it
// was sealed, and what is known of it as user.rdfs.*.
func (v *Volume) VersionAttrs(ver *catalog.Version) (attrs map[string][]byte, err error) {
	attrs = make(map[string][]byte)
	err = v.cat.View(func(tx *catalog.Tx) error {
		tx.At(ver.Epoch).Attrs(ver.File, func(name string, value []byte) bool {
			attrs[name] = append([]byte{}, value...)
			return true
		})
		return nil
	})
	return attrs, err
}

// VersionAttr answers user.rdfs.NAME of a version.
func (v *Volume) VersionAttr(ver *catalog.Version, name string) ([]byte, error) {
	return versionAttr(ver, name, v.blake3)
}

func versionAttr(ver *catalog.Version, name string, blake3 func(blob.ID) string) ([]byte, error) {
	field, ok := strings.CutPrefix(name, computed)
	if !ok {
		return nil, ErrNoAttr
	}
	var val string
	switch field {
	case "seq":
		val = versionSeq(ver)
	case "blake3":
		val = blake3(ver.Content)
	case "state":
		val = "stored"
	case "author":
		val = UserName(ver.UID)
	case "program":
		val = ver.Program
	}
	if val == "" {
		return nil, ErrNoAttr
	}
	return []byte(val), nil
}

// Content is sealed bytes, open for reading. Exactly one Close must follow.
// It is safe for concurrent use.
type Content struct {
	file    *os.File
	partial *cache.Partial
	size    int64
	unpin   func() // what serves a partial content is not collected as garbage meanwhile
}

// OpenContent opens sealed bytes by their id: as a local file, or, when they are
// large and not local, served while they arrive. ErrForgotten says that nothing has
// referred to them for some time.
func (v *Volume) OpenContent(ctx context.Context, id blob.ID, size int64) (*Content, error) {
	if size == 0 {
		f, err := openFile(os.DevNull, os.O_RDONLY)
		return &Content{file: f, size: size}, err
	}
	k := cache.Key{ID: id}
	f, err := v.cache.Get(k, id, size, os.O_RDONLY)
	if err == nil {
		return &Content{file: f, size: size}, nil
	}
	if !errors.Is(err, blob.ErrNotFound) {
		return nil, err
	}
	v.pins.add(id)
	c, err := v.fetchContent(ctx, k, id, size)
	if err != nil || c.partial == nil {
		v.pins.drop(id)
		return c, err
	}
	c.unpin = func() { v.pins.drop(id) }
	return c, nil
}

// fetchContent brings a content that is pinned.
func (v *Volume) fetchContent(ctx context.Context, k cache.Key, id blob.ID, size int64) (*Content, error) {
	if !v.hasContent(id) {
		return nil, fmt.Errorf("content %s %w", id.Short(), ErrForgotten)
	}
	if size <= fetchWhole {
		f, err := v.cache.Fetch(ctx, k, id)
		if err != nil {
			return nil, err
		}
		return &Content{file: f, size: size}, nil
	}
	p, err := v.cache.Partial(ctx, k, id)
	if err != nil {
		return nil, err
	}
	return &Content{partial: p, size: size}, nil
}

// File returns the local file, or nil while the content arrives.
func (c *Content) File() *os.File { return c.file }

// ReadAt reads up to len(p) bytes; fewer only at the end.
func (c *Content) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	if c.partial != nil {
		n, err = c.partial.ReadAt(ctx, p, off)
	} else {
		n, err = c.file.ReadAt(p, off)
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// Seek finds data or a hole, as Handle.Seek.
func (c *Content) Seek(off int64, whence int) (int64, error) {
	if c.file == nil || c.size == 0 {
		return seekData(c.size, off, whence)
	}
	return seekFile(c.file, off, whence)
}

// Close ends the use.
func (c *Content) Close() error {
	if c.partial != nil {
		defer c.unpin()
		return c.partial.Close()
	}
	return c.file.Close()
}
