package header

import (
	"encoding/binary"
	"errors"
)

var errNetCDF = errors.New("the NetCDF header is broken")

var netcdfTypes = []string{"", "int8", "char", "int16", "int32", "float32", "float64", "uint8", "uint16", "uint32", "int64", "uint64"}

var netcdfSizes = []int64{0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8}

// netcdf3 reads the classic format: CDF-1, -2 (64-bit offsets) and -5 (64-bit data).
type netcdf3 struct {
	*cursor
	version byte
}

func readNetCDF3(s *source, info *Info) {
	info.Format, info.MIME = "netcdf-3", "application/x-netcdf"
	n := netcdf3{s.at(4, binary.BigEndian), s.head(4)[3]}
	if err := n.read(info); err != nil {
		info.finding("%v", err)
	}
}

// count reads a number of things.
func (n *netcdf3) count() int64 {
	if n.version == 5 {
		v := n.u64()
		if v > 1<<62 {
			n.err = errNetCDF
			return 0
		}
		return int64(v)
	}
	return int64(n.u32())
}

func (n *netcdf3) name() string {
	k := n.count()
	if k > maxName*10 {
		n.err = errNetCDF
		return ""
	}
	s := n.str(k)
	n.skip(-k & 3)
	return s
}

// list reads the tag and the length of a list.
func (n *netcdf3) list(tag uint32) int64 {
	t, k := n.u32(), n.count()
	if n.err == nil && (t != tag && (t != 0 || k != 0)) {
		n.err = errNetCDF
	}
	if k > 1<<20 {
		n.err = errNetCDF
	}
	return k
}

func (n *netcdf3) read(info *Info) error {
	records := n.count()
	if n.version != 5 && records == 1<<32-1 { // streaming: not known
		records = -1
	}
	type dim struct{ size int64 }
	var dims []dim
	for range n.list(10) {
		if n.err != nil {
			return n.err
		}
		n.name()
		d := dim{n.count()}
		dims = append(dims, d)
	}
	n.attrs(func(name, value string) {
		if name == "Conventions" || name == "title" {
			info.attr(name, value)
		}
	})
	for range n.list(11) {
		if n.err != nil {
			break
		}
		a := Array{Name: n.name()}
		rank := n.count()
		if rank > 1024 {
			n.err = errNetCDF
			break
		}
		for range rank {
			id := n.count()
			if n.err != nil || id >= int64(len(dims)) {
				n.err = errNetCDF
				return n.err
			}
			size := dims[id].size
			if size == 0 { // the dimension that grows
				size = max(records, 0)
			}
			a.Shape = append(a.Shape, size)
		}
		n.attrs(func(name, value string) {
			if name == "units" {
				a.Unit = value
			}
		})
		t := n.u32()
		n.count() // bytes
		n.skip(map[byte]int64{1: 4, 2: 8, 5: 8}[n.version])
		if n.err != nil || int(t) >= len(netcdfTypes) {
			n.err = errNetCDF
			break
		}
		a.Type = netcdfTypes[t]
		info.array(a)
	}
	return n.err
}

// attrs reads attributes; those of text are told.
func (n *netcdf3) attrs(text func(name, value string)) {
	for range n.list(12) {
		name, t, k := n.name(), n.u32(), n.count()
		if n.err != nil || int(t) >= len(netcdfSizes) || k > 1<<40 {
			n.err = errNetCDF
			return
		}
		bytes := k * netcdfSizes[t]
		if t == 2 && k < maxName {
			text(name, n.str(k))
		} else {
			n.skip(bytes)
		}
		n.skip(-bytes & 3)
	}
}
