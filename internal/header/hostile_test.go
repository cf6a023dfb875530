package header

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// Files that were made to keep a reader busy. Each of them did, or could have.
func TestFilesThatTryToKeepTheReaderBusy(t *testing.T) {
	for name, b := range map[string][]byte{
		"parquet: a map of 2^62 truth values":           parquetFile([]byte{0x1b, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 0x11, 0}),
		"parquet: many columns below a long name":       deepParquet(),
		"npz: members with names of 60 kB":              namesNPZ(),
		"tiff: pages of ten thousand entries in a knot": knotTIFF(),
		"npy: a type of 100 kB that is no UTF-8":        npyFile("{'descr': '" + strings.Repeat("\xff", 60_000) + "', 'shape': (1,)}"),
		"npy: an array of 30000 dimensions":             npyFile("{'descr': '<f8', 'shape': (" + strings.Repeat("1,", 30_000) + ")}"),
		"hdf5: nodes that all lead to each other":       knotHDF5(),
		"matlab 5: variables without a name":            bytes.Join([][]byte{matlabHead(), bytes.Repeat([]byte("\x0f\x00\x00\x00\x0a\x00\x00\x00\x78\x9c\x03\x00\x00\x00\x00\x01\x00\x00"), 200_000)}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			wantSound(t, b)
			s := newSource(bytes.NewReader(b), int64(len(b)))
			var info Info
			s.read(&info)
			if s.work > maxWork+maxPages*pageSize/workBytes {
				t.Errorf("%d units of work were done, at most %d are allowed", s.work, maxWork)
			}
		})
	}
}

func parquetFile(footer []byte) []byte {
	b := append([]byte("PAR1"), footer...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
	return append(b, "PAR1"...)
}

// deepParquet has a root of 100,000 columns, all below a name of 400 kB.
func deepParquet() []byte {
	const columns = 100_000
	varint := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	b := []byte{0x29, 0xfc} // field 2, a list of structures
	b = append(b, varint(columns+2)...)
	element := func(name string, children int) {
		b = append(b, 0x48) // field 4: the name
		b = append(b, varint(uint64(len(name)))...)
		b = append(b, name...)
		if children > 0 {
			b = append(b, 0x15) // field 5: children
			b = append(b, varint(uint64(2*children))...)
		}
		b = append(b, 0)
	}
	element("schema", 1)
	element(strings.Repeat("n", 400_000), columns)
	for range columns {
		element("c", 0)
	}
	return parquetFile(append(b, 0))
}

func namesNPZ() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 30 {
		w, _ := z.Create(fmt.Sprint(i) + strings.Repeat("n", 60_000) + ".npy")
		w.Write([]byte("no array"))
	}
	z.Close()
	return b.Bytes()
}

func npyFile(header string) []byte {
	b := []byte("\x93NUMPY\x02\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	return append(b, header...)
}

// knotTIFF has 5,000 pages of 10,000 entries each, most of which they share.
func knotTIFF() []byte {
	const entries, pages, entry = 10_000, 5000, 12
	b := make([]byte, 10+(entries+pages)*entry)
	copy(b, "II*\x00")
	le := binary.LittleEndian
	le.PutUint32(b[4:], 8)
	le.PutUint16(b[8:], entries)
	for i := range entries + pages {
		e := b[10+i*entry:]
		if i >= entries { // what stands behind the entries of a page: where the next one is
			le.PutUint32(e, uint32(8+(i-entries+1)*entry))
			continue
		}
		le.PutUint16(e, uint16(256+i%2)) // width or height
		le.PutUint16(e[2:], 3)
		le.PutUint32(e[4:], 1)
		le.PutUint16(e[8:], 1)
		le.PutUint16(e[10:], entries) // where the next page begins
	}
	return b
}

// knotHDF5 is an old group whose tree has nodes of 4,000 children each, which are its own nodes.
func knotHDF5() []byte {
	const head, nodes, children, node = 2048, 15, 4000, 64 << 10
	b := make([]byte, head+256+nodes*node)
	copy(b, hdf5Magic)
	b[13], b[14] = 8, 8 // bytes of an offset, and of a length
	le := binary.LittleEndian
	le.PutUint64(b[64:], head) // the root
	o := b[head:]
	o[0], o[2] = 1, 1 // version, and one message
	le.PutUint32(o[8:], 24)
	le.PutUint16(o[16:], 0x11)
	le.PutUint16(o[18:], 16)
	le.PutUint64(o[24:], head+256) // the tree
	le.PutUint64(o[32:], head+128) // the heap
	copy(o[128:], "HEAP")
	for i := range nodes {
		n := o[256+i*node:]
		copy(n, "TREE")
		le.PutUint16(n[6:], children)
		for k := range children {
			le.PutUint64(n[32+16*k:], uint64(head+256+k%nodes*node))
		}
	}
	return b
}

func matlabHead() []byte {
	b := make([]byte, 128)
	copy(b, "MATLAB 5.0 MAT-file")
	copy(b[124:], "\x00\x01IM")
	return b
}
