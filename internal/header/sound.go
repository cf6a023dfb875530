package header

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

func float32frombits(b uint32) float32 { return math.Float32frombits(b) }
func float64frombits(b uint64) float64 { return math.Float64frombits(b) }

// readEDF reads a European or BioSemi data file. Patient and recording are not taken.
func readEDF(s *source, info *Info) {
	head := s.bytes(0, 256)
	if len(head) < 256 {
		return
	}
	field := func(at, n int) string { return strings.TrimSpace(string(head[at : at+n])) }
	length, err := strconv.Atoi(field(184, 8))
	signals, err2 := strconv.Atoi(field(252, 4))
	if err != nil || err2 != nil || signals < 1 || length != 256*(signals+1) {
		if head[0] == 0xff {
			info.Format, info.MIME = "bdf", "application/x-bdf"
			info.finding("the header is broken")
		}
		return // eight characters are not much to know a format by
	}
	info.Format, info.MIME = "edf", "application/x-edf"
	typ := "int16"
	if head[0] == 0xff {
		info.Format, info.MIME, typ = "bdf", "application/x-bdf", "int24"
	}
	info.attr("variant", strings.TrimSpace(string(head[192:197])))
	records, err := strconv.ParseInt(field(236, 8), 10, 64)
	if err != nil {
		info.finding("the number of records is %q", clean(field(236, 8)))
	}
	seconds, err := strconv.ParseFloat(field(244, 8), 64)
	if err != nil {
		info.finding("the duration of a record is %q", clean(field(244, 8)))
	}
	if records >= 0 && seconds > 0 {
		info.attr("duration", strconv.FormatFloat(float64(records)*seconds, 'g', 10, 64)+" s")
	}
	// The fields of all signals stand together: all labels, then all of the next.
	n := int64(signals)
	row := func(skip, size, i int64) string { return strings.TrimSpace(string(s.bytes(256+skip*n+size*i, size))) }
	for i := range min(n, maxItems+1) {
		label := row(0, 16, i)
		count, err := strconv.ParseInt(row(216, 8, i), 10, 64)
		if err != nil || count < 0 {
			info.finding("signal %q has %q samples in a record", clean(label), clean(row(216, 8, i)))
			continue
		}
		a := Array{Name: label, Type: typ, Unit: row(96, 8, i), Shape: []int64{max(records, 0) * count}}
		if records > 0 && count > math.MaxInt64/records {
			info.finding("signal %q has too many samples", clean(label))
			continue
		}
		info.array(a)
		if i == 0 && seconds > 0 {
			info.attr("sample_rate", strconv.FormatFloat(float64(count)/seconds, 'g', 10, 64)+" Hz")
		}
	}
}

// readWAV reads a RIFF or RF64 file of sound.
func readWAV(s *source, info *Info) {
	head := s.head(12)
	if len(head) < 12 || string(head[8:12]) != "WAVE" {
		return
	}
	info.Format, info.MIME = "wav", "audio/wav"
	c := s.at(12, binary.LittleEndian)
	var channels, bits uint16
	var code uint16
	var rate uint32
	var long int64 // bytes of the data, from RF64
	known := false
	for range 1000 {
		id, size := c.str(4), int64(c.u32())
		if c.err != nil {
			break
		}
		next := c.off + size + size&1
		switch id {
		case "ds64":
			c.u64()
			long = int64(c.u64())
		case "fmt ":
			code, channels, rate = c.u16(), c.u16(), c.u32()
			c.skip(6)
			bits = c.u16()
			if code == 0xfffe && size >= 26 { // the format is in the extension
				c.skip(8)
				code = c.u16()
			}
			known = true
		case "data":
			if size == 1<<32-1 && long > 0 {
				size = long
			}
			if !known || channels == 0 || bits == 0 {
				info.finding("the format of the samples is missing")
				return
			}
			frame := int64(channels) * int64(bits+7) / 8
			if frame == 0 {
				frame = 1
			}
			if c.off+size > s.size && !s.nested {
				info.finding("the file ends before its data")
				size = s.size - c.off
			}
			typ := "int" + strconv.Itoa(int(bits))
			switch {
			case code == 3:
				typ = "float" + strconv.Itoa(int(bits))
			case code != 1:
				typ = "coded" // mu-law, ADPCM and the like
			case bits <= 8:
				typ = "uint8"
			}
			info.array(Array{Type: typ, Shape: []int64{size / frame, int64(channels)}})
			info.attr("sample_rate", strconv.Itoa(int(rate))+" Hz")
			return
		}
		c = s.at(next, binary.LittleEndian)
	}
	info.finding("it holds no data")
}
