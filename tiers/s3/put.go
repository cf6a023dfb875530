package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/rdfs/rdfs/internal/blob"
)

// Put implements tiers.Store.
func (s *Store) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	name, err := s.begin(ctx, key)
	if err == nil && size < 0 {
		err = fmt.Errorf("size %d", size)
	}
	if err == nil {
		err = s.send(ctx, name, &source{r: src, size: size})
	}
	if errors.Is(err, errExists) {
		err = s.same(ctx, name, size)
	}
	return s.failed("put", key, err)
}

// send stores an object that is not there yet; errExists: it is.
func (s *Store) send(ctx context.Context, name string, src *source) error {
	unclear := false
	return s.try(ctx, transferTime(src.size), func(ctx context.Context) error {
		if unclear {
			// The last try may have been stored without our hearing of it. That is seen by
			// its size; the checksum was the server's to compare.
			info, err := s.client.StatObject(ctx, s.bucket, name, minio.StatObjectOptions{ServerSideEncryption: s.read})
			if err == nil && info.Size == src.size {
				return nil
			}
			if err != nil && minio.ToErrorResponse(err).StatusCode != 404 {
				return err
			}
		}
		unclear = true
		src.off, src.err = 0, nil
		client := s.client.Client
		if src.size > partSize {
			client = s.parts
		}
		info, err := client.PutObject(ctx, s.bucket, name, src, src.size, s.putOptions())
		if src.err != nil {
			return &sourceError{src.err}
		}
		if err == nil && info.Size != src.size {
			return fmt.Errorf("the server stored %d bytes of %d", info.Size, src.size)
		}
		return err
	})
}

func (s *Store) putOptions() minio.PutObjectOptions {
	o := minio.PutObjectOptions{
		ContentType: "application/octet-stream", StorageClass: s.o.StorageClass, ServerSideEncryption: s.write,
		PartSize: partSize, NumThreads: uint(s.o.Threads),
	}
	if !s.o.GCS {
		o.Checksum = minio.ChecksumCRC32C
		o.DisableContentSha256 = true
	}
	o.SetMatchETagExcept("*")
	return o
}

// same returns nil if the object that is there has size bytes.
func (s *Store) same(ctx context.Context, name string, size int64) error {
	info, err := s.stat(ctx, name)
	if err == nil && info.Size != size {
		err = fmt.Errorf("%w: %d bytes are stored, not %d", blob.ErrCorrupt, info.Size, size)
	}
	return err
}

// source reads exactly size bytes of r, any number of times. It remembers an error of
// r, which is not the server's.
type source struct {
	r    io.ReaderAt
	size int64
	off  int64
	err  error
}

// sourceError is an error of what is to be stored.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }

func (s *source) Read(p []byte) (int, error) {
	if s.off >= s.size {
		return 0, io.EOF
	}
	n, err := s.ReadAt(p, s.off)
	s.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt lets minio-go send several parts at once.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	whole := len(p)
	p = p[:min(int64(len(p)), s.size-off)]
	n, err := s.r.ReadAt(p, off)
	switch {
	case n == len(p):
		err = nil
		if n < whole {
			err = io.EOF
		}
	case err == nil || errors.Is(err, io.EOF):
		err = fmt.Errorf("source ends at %d of %d bytes: %w", off+int64(n), s.size, io.ErrUnexpectedEOF)
		s.err = err
	default:
		s.err = err
	}
	return n, err
}

func (s *source) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += s.off
	case io.SeekEnd:
		off += s.size
	}
	if off < 0 {
		return 0, fmt.Errorf("seek to %d", off)
	}
	s.off = off
	return off, nil
}

func bytesAt(p []byte) io.ReaderAt { return bytes.NewReader(p) }
