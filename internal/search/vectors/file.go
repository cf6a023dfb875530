package vectors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

const (
	magic     = "RDFSVEC1"
	maxDim    = 8192
	maxModel  = 512 // bytes of its name
	headLen   = 12  // of a record: id and scale
	recordMin = headLen + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func header(model string, dim int) []byte {
	b := append([]byte(magic), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(b[8:], uint32(dim))
	binary.LittleEndian.PutUint32(b[12:], uint32(len(model)))
	return sealed(append(b, model...))
}

// sealed appends the checksum of b.
func sealed(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// whole reports whether b ends in the checksum of what is before it.
func whole(b []byte) bool {
	n := len(b) - 4
	return n >= 0 && crc32.Checksum(b[:n], castagnoli) == binary.LittleEndian.Uint32(b[n:])
}

// record is the row on disk of a vector of length 1.
func record(id ID, v []float32) []byte {
	b := make([]byte, headLen, recordMin+len(v))
	var most float32
	for _, f := range v {
		most = max(most, f, -f)
	}
	scale := most / 127
	binary.LittleEndian.PutUint64(b, uint64(id))
	binary.LittleEndian.PutUint32(b[8:], math.Float32bits(scale))
	for _, f := range v {
		level := 0.0
		if scale > 0 {
			level = math.Round(float64(f / scale))
		}
		b = append(b, byte(int8(level)))
	}
	return sealed(b)
}

// recordAt returns where record n begins.
func (s *Store) recordAt(n uint32) int64 { return s.head + int64(n)*int64(s.size) }

// size of a record in bytes.
func recordSize(dim int) int { return recordMin + dim }

// load takes over what the file holds. It begins the file anew when it is that of
// another model or dimension.
func (s *Store) load() error {
	want := header(s.o.Model, s.o.Dim)
	s.head, s.size = int64(len(want)), recordSize(s.o.Dim)
	got := make([]byte, len(want))
	_, err := s.file.ReadAt(got, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(got) != string(want) {
		if err := s.file.Truncate(0); err != nil {
			return err
		}
		_, err = s.file.WriteAt(want, 0)
		return err
	}
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	records := (info.Size() - s.head) / int64(s.size)
	buf := make([]byte, max(1, 1<<20/s.size)*s.size)
	for n := int64(0); n < records; {
		b := buf[:min(int64(len(buf)), (records-n)*int64(s.size))]
		if _, err := s.file.ReadAt(b, s.head+n*int64(s.size)); err != nil {
			return fmt.Errorf("%s: %w", s.o.Path, err)
		}
		for ; len(b) > 0; n++ {
			r := b[:s.size]
			b = b[s.size:]
			if !whole(r) {
				continue
			}
			if slot, ok := s.slot(ID(binary.LittleEndian.Uint64(r))); ok {
				s.keep(slot, uint32(n), r[headLen:headLen+s.o.Dim])
			}
		}
	}
	s.records = uint32(records)
	return nil
}
