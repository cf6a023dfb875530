package fs

import (
	"hash/fnv"
	"strconv"
	"sync"

	"github.com/rdfs/rdfs/internal/volume"
)

// Node ids, as the kernel knows nodes by:
//
//	0 | inode                       a live file
//	1 | 23 bits 0    | 40 bits n    a virtual node (virtualNodes)
//	1 | 23 bits view | 40 bits ino  a file of the past (views)
const (
	firstVirtual = 1 << 63
	inodeBits    = 40
	maxPastInode = 1<<inodeBits - 1
	maxView      = 1<<(63-inodeBits) - 1
)

// virtualKind says what a virtual node is.
type virtualKind uint8

const (
	versionsDir  virtualKind = iota + 1 // .versions in a directory
	versionDir                          // .versions/FILE
	versionFile                         // .versions/FILE/0001_...
	snapshotsDir                        // .snapshots in a directory
	metaDir                             // .rdfs in the root
	metaFile                            // .rdfs/NAME
	shelfDir                            // .rdfs/NAME of a Shelf, or a directory in it
	shelfLink                           // a link in a shelf
)

// virtualKey identifies a virtual node; equal keys are one node.
type virtualKey struct {
	kind virtualKind
	dir  volume.Inode // that the .versions or the .snapshots belongs to; of a link: the file
	name string       // of the file in dir; in a shelf: the path below .rdfs
	file volume.FileID
	seq  volume.Seq
}

// virtualNode is a node that the kernel knows by a number of ours.
type virtualNode struct {
	virtualKey
	id      uint64
	lookups uint64 // that the kernel has not forgotten; guarded by virtualNodes.mu
}

// ino returns the inode number that stat(2) shows: the same at every mount, and in
// the upper half, where no live file is.
func (k *virtualKey) ino() uint64 {
	h := fnv.New64a()
	for _, n := range []uint64{uint64(k.kind), uint64(k.dir), uint64(k.file), uint64(k.seq)} {
		h.Write(strconv.AppendUint(nil, n, 36))
		h.Write([]byte{'/'})
	}
	h.Write([]byte(k.name))
	return h.Sum64() | firstVirtual
}

// virtualNodes holds the virtual nodes that the kernel knows.
type virtualNodes struct {
	mu    sync.Mutex
	byID  map[uint64]*virtualNode
	byKey map[virtualKey]*virtualNode
	next  uint64
}

func (v *virtualNodes) init() {
	v.byID = make(map[uint64]*virtualNode)
	v.byKey = make(map[virtualKey]*virtualNode)
	v.next = firstVirtual
}

// lookup returns the node of a key, made if need be, and counts a lookup.
func (v *virtualNodes) lookup(k virtualKey) *virtualNode {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.byKey[k]
	if n == nil {
		n = &virtualNode{virtualKey: k, id: v.next}
		v.next++
		v.byID[n.id], v.byKey[k] = n, n
	}
	n.lookups++
	return n
}

func (v *virtualNodes) get(id uint64) *virtualNode {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.byID[id]
}

// all returns the nodes of a kind.
func (v *virtualNodes) all(kind virtualKind) (list []*virtualNode) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range v.byID {
		if n.kind == kind {
			list = append(list, n)
		}
	}
	return list
}

func (v *virtualNodes) forget(id, lookups uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := v.byID[id]
	if n == nil {
		return
	}
	if n.lookups -= min(lookups, n.lookups); n.lookups == 0 {
		delete(v.byID, id)
		delete(v.byKey, n.virtualKey)
	}
}
