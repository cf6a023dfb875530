package header

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

const (
	maxMembers = 200      // of an archive that are looked into
	gzipSample = 16 << 10 // bytes that are unpacked of a gzipped file
)

func openZip(s *source) (*zip.Reader, error) { return zip.NewReader(s, s.size) }

// zipMIME tells the documents that are zips from one another.
func zipMIME(z *zip.Reader) string {
	for _, f := range z.File[:min(len(z.File), maxMembers)] {
		switch {
		case strings.HasPrefix(f.Name, "xl/"):
			return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		case strings.HasPrefix(f.Name, "word/"):
			return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
		case strings.HasPrefix(f.Name, "ppt/"):
			return "application/vnd.openxmlformats-officedocument.presentationml.presentation"
		case f.Name == "mimetype" && f.UncompressedSize64 < 100:
			if r, err := f.Open(); err == nil {
				b, err := io.ReadAll(io.LimitReader(r, 100))
				r.Close()
				if err == nil && strings.HasPrefix(string(b), "application/") {
					return clean(string(b))
				}
			}
		}
	}
	return "application/zip"
}

// readGzip reads what the beginning of the unpacked file is. Rows are not counted.
func readGzip(s *source, info *Info) {
	info.Format, info.MIME = "gzip", "application/gzip"
	z, err := gzip.NewReader(io.NewSectionReader(s, 0, s.size))
	if err != nil {
		info.finding("gzip: %v", err)
		return
	}
	head := make([]byte, gzipSample)
	n, err := io.ReadFull(z, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		info.finding("gzip: %v", err)
	}
	if n == 0 {
		return
	}
	// The size of the whole is not known; what is known is that it is longer, unless it ended.
	size := int64(n)
	if err == nil {
		size++
	}
	inner := Info{}
	in := newSource(bytes.NewReader(head[:n]), size)
	in.nested = true
	in.read(&inner)
	if inner.Format == "" || inner.Format == "gzip" {
		return
	}
	inner.Compression, inner.MIME = "gzip", "application/gzip"
	inner.Findings = append(info.Findings, inner.Findings...)
	if err == nil {
		inner.Rows = nil // of what was unpacked only
	}
	*info = inner
}
