package header

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// dicomTag is group and element.
type dicomTag uint32

const (
	dicomTransfer   dicomTag = 0x0002_0010
	dicomModality   dicomTag = 0x0008_0060
	dicomSamples    dicomTag = 0x0028_0002
	dicomPhotometry dicomTag = 0x0028_0004
	dicomFrames     dicomTag = 0x0028_0008
	dicomRows       dicomTag = 0x0028_0010
	dicomColumns    dicomTag = 0x0028_0011
	dicomBits       dicomTag = 0x0028_0100
	dicomSigned     dicomTag = 0x0028_0103
	dicomPixels     dicomTag = 0x7fe0_0010
	dicomItem       dicomTag = 0xfffe_e000
	dicomItemEnd    dicomTag = 0xfffe_e00d
	dicomSeqEnd     dicomTag = 0xfffe_e0dd
)

const (
	maxDICOM      = 20_000    // elements
	dicomOpen     = 1<<32 - 1 // a length that is not told
	maxDICOMDepth = 16
)

// dicom walks through the elements of a file. What is about the patient is passed over.
type dicom struct {
	*cursor
	implicit bool
	elements int
	numbers  map[dicomTag]int64
	texts    map[dicomTag]string
}

func readDICOM(s *source, info *Info) {
	info.Format, info.MIME = "dicom", "application/dicom"
	d := dicom{cursor: s.at(132, binary.LittleEndian), numbers: map[dicomTag]int64{}, texts: map[dicomTag]string{}}
	// The first group is always little-endian, with types; it says how the rest is.
	for d.err == nil && d.off+8 <= s.size && binary.LittleEndian.Uint16(orZero(s.bytes(d.off, 2))) == 2 {
		d.element(0)
	}
	switch syntax := d.texts[dicomTransfer]; syntax {
	case "1.2.840.10008.1.2":
		d.implicit = true
	case "1.2.840.10008.1.2.2":
		d.order = binary.BigEndian
	case "1.2.840.10008.1.2.1.99":
		info.attr("transfer_syntax", syntax)
		return // deflated as a whole
	}
	for d.err == nil && d.off < s.size {
		if d.element(0) == dicomPixels {
			break
		}
	}
	if d.err != nil {
		info.finding("%v", d.err)
	}
	info.attr("transfer_syntax", d.texts[dicomTransfer])
	info.attr("modality", d.texts[dicomModality])
	info.attr("photometric", d.texts[dicomPhotometry])
	rows, columns := d.numbers[dicomRows], d.numbers[dicomColumns]
	if rows == 0 || columns == 0 {
		return // no image: a report, a plan
	}
	typ := "uint"
	if d.numbers[dicomSigned] == 1 {
		typ = "int"
	}
	a := Array{Type: typ + strconv.FormatInt(d.numbers[dicomBits], 10), Shape: []int64{rows, columns}}
	if n, err := strconv.ParseInt(d.texts[dicomFrames], 10, 64); err == nil && n > 1 {
		a.Shape = append([]int64{n}, a.Shape...)
	}
	if n := d.numbers[dicomSamples]; n > 1 {
		a.Shape = append(a.Shape, n)
	}
	info.array(a)
}

func orZero(b []byte) []byte {
	if len(b) < 2 {
		return []byte{0, 0}
	}
	return b
}

// element reads one element, with all within it, and returns its tag.
func (d *dicom) element(depth int) dicomTag {
	if d.elements++; d.elements > maxDICOM || depth > maxDICOMDepth {
		d.err = errEnd
		return 0
	}
	tag := dicomTag(d.u16())<<16 | dicomTag(d.u16())
	vr := ""
	var size uint32
	switch {
	case tag>>16 == 0xfffe || d.implicit && tag>>16 != 2:
		size = d.u32()
	default:
		vr = d.str(2)
		if strings.Contains("OB OD OF OL OV OW SQ SV UC UN UR UT UV", vr) && vr != "" {
			d.skip(2)
			size = d.u32()
		} else {
			size = uint32(d.u16())
		}
	}
	if d.err != nil || tag == dicomPixels {
		return tag
	}
	if size == dicomOpen {
		d.within(depth)
		return tag
	}
	switch tag {
	case dicomRows, dicomColumns, dicomBits, dicomSigned, dicomSamples:
		if size == 2 && depth == 0 {
			d.numbers[tag] = int64(d.u16())
			return tag
		}
	case dicomTransfer, dicomModality, dicomFrames, dicomPhotometry:
		if size < 100 && depth == 0 {
			d.texts[tag] = clean(d.str(int64(size)))
			return tag
		}
	}
	d.skip(int64(size))
	return tag
}

// within passes over a sequence, or an item, whose length is not told.
func (d *dicom) within(depth int) {
	for d.err == nil {
		switch d.element(depth + 1) {
		case dicomItemEnd, dicomSeqEnd:
			return
		}
	}
}
