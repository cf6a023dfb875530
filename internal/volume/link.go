package volume

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/rdfs/rdfs/catalog"
)

// Link is an entry of a virtual directory: a symbolic link to a live file, or, when
// Target is 0, a further directory.
type Link struct {
	Name   string
	Target catalog.Inode
}

// PathOf returns a path of a node from the root of the drive; ErrNotExist when it has none.
func (v *Volume) PathOf(i catalog.Inode) (p string, err error) {
	err = v.cat.View(func(tx *catalog.Tx) error { p, err = tx.Path(i); return notExist(err) })
	return p, err
}

// Identity returns a caller with all its groups, as far as the system tells them.
func (c Caller) Identity() Identity {
	who := Identity{UID: c.UID, Groups: []uint32{c.GID}}
	if c.UID == 0 || c.PID == 0 {
		return who
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID))
	if err != nil {
		return who
	}
	for line := range bytes.Lines(status) {
		if list, ok := bytes.CutPrefix(line, []byte("Groups:")); ok {
			for _, word := range bytes.Fields(list) {
				if gid, err := strconv.ParseUint(string(word), 10, 32); err == nil {
					who.Groups = append(who.Groups, uint32(gid))
				}
			}
		}
	}
	return who
}
