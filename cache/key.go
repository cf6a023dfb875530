package cache

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/rdfs/rdfs/internal/blob"
)

// Key names a cached file. With Ino it is the live file of that inode, and ID
// is ignored; without, it is the content file of ID.
type Key struct {
	Ino uint64  // inode of the drive; 0 for a content file
	ID  blob.ID // content id, if Ino is 0
}

// String returns the key as the file's path below the cache directory, e.g.
// "live/2a/42" or "content/af/af13...".
func (k Key) String() string { return filepath.Join(k.kind(), shardName(k.shard()), k.name()) }

// norm drops the id of a live key, so that keys of one file compare equal.
func (k Key) norm() Key {
	if k.Ino != 0 {
		k.ID = blob.ID{}
	}
	return k
}

func (k Key) kind() string {
	if k.Ino != 0 {
		return "live"
	}
	return "content"
}

func (k Key) name() string {
	if k.Ino != 0 {
		return strconv.FormatUint(k.Ino, 10)
	}
	return k.ID.String()
}

// shards is the number of directories that the files of one kind are spread over.
const shards = 256

func (k Key) shard() int {
	if k.Ino != 0 {
		return int(k.Ino % shards)
	}
	return int(k.ID[0])
}

func shardName(s int) string { return fmt.Sprintf("%02x", s) }

// parseKey reads back what kind and name wrote.
func parseKey(kind, name string) (Key, bool) {
	if kind == "live" {
		ino, err := strconv.ParseUint(name, 10, 64)
		k := Key{Ino: ino}
		return k, err == nil && ino != 0 && k.name() == name
	}
	id, err := blob.ParseID(name)
	return Key{ID: id}, err == nil && id.String() == name
}

// place is one of the trees that hold files: in use, or set aside as suspect.
type place struct {
	gen     int  // 0: in use; else the number of the directory below suspect/
	partial bool // large contents that are being filled
}

func (p place) dir() string {
	d := "."
	if p.gen != 0 {
		d = filepath.Join("suspect", strconv.Itoa(p.gen))
	}
	if p.partial {
		d = filepath.Join(d, "partial")
	}
	return d
}

// fillsSuffix is added to the path of a partial file for the list of its fills.
const fillsSuffix = ".fills"

func (c *Cache) path(p place, k Key) string {
	return filepath.Join(c.o.Dir, p.dir(), k.kind(), shardName(k.shard()), k.name())
}
