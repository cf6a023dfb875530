package header

import (
	"encoding/binary"
	"strconv"
)

var niftiTypes = map[uint16]string{1: "bool", 2: "uint8", 4: "int16", 8: "int32", 16: "float32", 32: "complex64", 64: "float64", 128: "rgb24",
	256: "int8", 512: "uint16", 768: "uint32", 1024: "int64", 1280: "uint64", 1536: "float128", 1792: "complex128", 2048: "complex256", 2304: "rgba32"}

// niftiOrder is the byte order in which the size of the header is what it must be.
func niftiOrder(s *source, size uint32) binary.ByteOrder {
	head := s.head(4)
	if len(head) == 4 && binary.BigEndian.Uint32(head) == size {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func readNIfTI1(s *source, info *Info) {
	order := niftiOrder(s, 348)
	if c := s.at(0, order); c.u32() != 348 {
		return
	}
	info.Format, info.MIME = "nifti-1", "application/x-nifti"
	c := s.at(40, order)
	a := Array{}
	rank := c.u16()
	for i := range uint16(7) {
		if n := int16(c.u16()); i < rank {
			a.Shape = append(a.Shape, int64(n))
		}
	}
	t := s.at(70, order).u16()
	zoom := s.at(80, order)
	var sizes []float64
	for range 4 {
		sizes = append(sizes, float64(float32frombits(zoom.u32())))
	}
	niftiImage(info, &a, int64(rank), t, sizes, s.at(123, order).u8())
}

func readNIfTI2(s *source, info *Info) {
	order := niftiOrder(s, 540)
	if c := s.at(0, order); c.u32() != 540 {
		return
	}
	info.Format, info.MIME = "nifti-2", "application/x-nifti"
	t := s.at(12, order).u16()
	c := s.at(16, order)
	a := Array{}
	rank := int64(c.u64())
	for i := range int64(7) {
		if n := int64(c.u64()); i < rank {
			a.Shape = append(a.Shape, n)
		}
	}
	zoom := s.at(112, order)
	var sizes []float64
	for range 4 {
		sizes = append(sizes, float64frombits(zoom.u64()))
	}
	niftiImage(info, &a, rank, t, sizes, uint8(s.at(500, order).u32()))
}

// niftiImage adds the image. Its shape is x, y, z, t, as every program shows it.
func niftiImage(info *Info, a *Array, rank int64, datatype uint16, zooms []float64, units uint8) {
	if rank < 1 || rank > 7 {
		info.finding("the image has %d dimensions, of 1 to 7", rank)
		return
	}
	for _, n := range a.Shape {
		if n < 0 {
			info.finding("a dimension has the size %d", n)
			return
		}
	}
	a.Type = niftiTypes[datatype]
	if a.Type == "" {
		a.Type = "unknown"
		info.finding("unknown type of voxels: %d", datatype)
	}
	info.array(*a)
	space := map[uint8]string{1: "m", 2: "mm", 3: "um"}[units&7]
	span := map[uint8]string{8: "s", 16: "ms", 24: "us"}[units&0x38]
	voxel := ""
	for i, z := range zooms {
		if int64(i) >= rank {
			break
		}
		text := strconv.FormatFloat(z, 'g', 6, 64)
		switch {
		case i == 3:
			info.attr("repetition_time", text+" "+span)
		case i > 0:
			voxel += " x " + text
		default:
			voxel = text
		}
	}
	if voxel != "" {
		info.attr("voxel_size", voxel+" "+space)
	}
}
